"""Presets over REST: looked at, checked, saved, refused while one runs."""

from pathlib import Path
from typing import Any

from actors.domain.messages import Role
from tests.planes import Plane

NAME = "breakout_v1"
PATH = f"/api/presets/{NAME}"


def saved_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


async def edited(plane: Plane, **changed: Any) -> dict[str, Any]:
    preset: dict[str, Any] = (await plane.get(PATH)).json["preset"]
    return preset | changed


async def test_a_saved_preset_is_the_next_version_and_is_audited(
    tmp_path: Path,
) -> None:
    plane = Plane(data_dir=tmp_path)
    body = {"preset": await edited(plane, description="mine"), "version": 1}
    saved = await plane.call("PUT", PATH, body, role=Role.ADMIN)
    assert (saved.status, saved.json["version"]) == (200, 2)
    shown = (await plane.get(PATH)).json
    assert (shown["version"], shown["origin"]) == (2, "own")
    assert shown["versions"] == [1, 2]
    assert shown["preset"]["description"] == "mine"
    row = plane.history.recorded[-1]
    assert (row.who, row.what) == ("admin as admin", f"preset save {NAME}")
    assert (row.before, row.after) == ("version 1", "version 2")
    assert row.result.startswith("done")


async def test_a_stale_edit_is_409_and_says_what_is_newest(tmp_path: Path) -> None:
    plane = Plane(data_dir=tmp_path)
    body = {"preset": await edited(plane), "version": 1}
    assert (await plane.call("PUT", PATH, body, role=Role.ADMIN)).status == 200
    refused = await plane.call("PUT", PATH, body, role=Role.ADMIN)
    assert refused.status == 409
    assert "at version 2, not 1" in refused.json["message"]
    assert refused.json["version"] is None
    assert plane.history.recorded[-1].result.startswith("refused")


async def test_the_preset_that_runs_is_refused_and_saved_when_it_stands(
    tmp_path: Path,
) -> None:
    plane = Plane(data_dir=tmp_path)
    await plane.post("/api/engine/start", {"preset": NAME})
    listed = (await plane.get("/api/presets")).json["items"]
    assert [row["name"] for row in listed if row["runningNow"]] == [NAME]
    body = {"preset": await edited(plane), "version": 1}
    refused = await plane.call("PUT", PATH, body, role=Role.ADMIN)
    assert refused.status == 409
    assert "stop it first" in refused.json["message"]
    await plane.post("/api/engine/stop")
    assert (await plane.call("PUT", PATH, body, role=Role.ADMIN)).status == 200


async def test_a_check_says_where_and_what_and_saves_nothing(tmp_path: Path) -> None:
    plane = Plane(data_dir=tmp_path)
    preset = await edited(plane)
    path = f"{PATH}/check"
    sound = await plane.post(path, preset, Role.OPERATOR)
    assert sound.json == {"ok": True, "problems": []}
    preset["risk"]["risk_per_trade"] = 0.9
    found = await plane.post(path, preset, Role.OPERATOR)
    assert (found.status, found.json["ok"]) == (200, False)
    assert found.json["problems"][0]["path"] == "risk.risk_per_trade"
    assert "0.9" in found.json["problems"][0]["message"]
    preset["risk"]["risk_per_trade"] = "much"
    found = await plane.post(path, preset, Role.OPERATOR)
    assert found.json["problems"][0]["path"] == "risk.risk_per_trade"
    other = await plane.post("/api/presets/other/check", await edited(plane))
    assert other.json["problems"][0]["path"] == "name"
    assert saved_in(tmp_path) == []


async def test_a_preset_that_could_never_fire_is_400_with_each_problem(
    tmp_path: Path,
) -> None:
    plane = Plane(data_dir=tmp_path)
    preset = await edited(plane)
    preset["levels_rules"]["min_touches"] = 500
    body = {"preset": preset, "version": 1}
    refused = await plane.call("PUT", PATH, body, role=Role.ADMIN)
    assert refused.status == 400
    assert refused.json["success"] is False
    assert refused.json["problems"][0]["path"] == "levels_rules.min_touches"
    assert saved_in(tmp_path) == []


async def test_an_unknown_preset_is_404_and_no_path_into_our_files() -> None:
    plane = Plane()
    for name in ("nobody", "..%2f..%2fetc", "breakout_v1.json"):
        assert (await plane.get(f"/api/presets/{name}")).status == 404


async def test_a_damaged_own_preset_hides_no_other(tmp_path: Path) -> None:
    folder = tmp_path / "presets"
    folder.mkdir()
    (folder / "mine.json").write_text("{")
    plane = Plane(data_dir=tmp_path)
    rows = (await plane.get("/api/presets")).json["items"]
    assert [row["name"] for row in rows if row["problem"]] == ["mine"]
    assert len(rows) > 10
    assert (await plane.get("/api/presets/mine")).status == 409


async def test_a_check_of_nothing_is_refused() -> None:
    refused = await Plane().post(f"{PATH}/check", None, Role.OPERATOR)
    assert refused.status == 400
    assert "a body is needed" in refused.json["message"]
