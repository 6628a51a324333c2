"""The library of presets: own ones are versioned, checked, and never overwritten."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from config.errors import PresetError, StaleVersionError
from config.library import OWN, SHIPPED, PresetLibrary
from config.load import dump_preset, load_preset, preset_names
from tests.presets import changed

NAME = "my_own"


def text(name: str = NAME, **fields: Any) -> bytes:
    preset = changed(load_preset("breakout_v1"), "name", name)
    for path, value in fields.items():
        preset = changed(preset, path.replace("__", "."), value)
    return dump_preset(preset)


@pytest.fixture
def library(tmp_path: Path) -> PresetLibrary:
    return PresetLibrary(tmp_path / "presets")


def test_without_a_folder_there_are_the_shipped_ones() -> None:
    library = PresetLibrary()
    assert library.names() == preset_names()
    one = library.entry("breakout_v1")
    assert (one.version, one.origin, one.problem) == (1, SHIPPED, None)
    assert one.description
    with pytest.raises(PresetError, match="start with --data-dir"):
        library.save(NAME, text(), None)


def test_a_new_preset_is_version_one_and_loads_with_all_defaults(
    library: PresetLibrary,
) -> None:
    raw = msgspec.json.decode(text())
    del raw["execution_config"]
    assert library.save(NAME, msgspec.json.encode(raw), None) == 1
    assert NAME in library.names()
    assert library.origin(NAME) == OWN
    assert library.load(NAME).name == NAME
    assert b"entry_band_bps" in library.text(NAME)


def test_what_was_there_is_kept_as_a_version(library: PresetLibrary) -> None:
    library.save(NAME, text(description="one"), None)
    assert library.save(NAME, text(description="two"), 1) == 2
    assert library.save(NAME, text(description="three"), 2) == 3
    assert library.versions(NAME) == (1, 2, 3)
    found = [library.load(NAME, version).description for version in (1, 2, 3)]
    assert found == ["one", "two", "three"]
    assert library.load(NAME).description == "three"
    with pytest.raises(PresetError, match="no version 9; there are 1, 2, 3"):
        library.load(NAME, 9)


@pytest.mark.parametrize("edited", [None, 1, 3])
def test_a_stale_version_is_refused_and_nothing_changes(
    library: PresetLibrary, edited: int | None
) -> None:
    library.save(NAME, text(), None)
    library.save(NAME, text(description="two"), 1)
    with pytest.raises(StaleVersionError, match=f"at version 2, not {edited}"):
        library.save(NAME, text(description="lost"), edited)
    assert library.load(NAME).description == "two"


def test_saving_under_a_shipped_name_makes_an_own_version_that_wins(
    library: PresetLibrary,
) -> None:
    mine = text("breakout_v1", description="mine")
    with pytest.raises(StaleVersionError):
        library.save("breakout_v1", mine, None)
    assert library.save("breakout_v1", mine, 1) == 2
    assert library.origin("breakout_v1") == OWN
    assert library.load("breakout_v1").description == "mine"
    assert library.load("breakout_v1", 1) == load_preset("breakout_v1")
    assert library.versions("breakout_v1") == (1, 2)
    assert PresetLibrary().origin("breakout_v1") == SHIPPED


@pytest.mark.parametrize(
    "name", ["../evil", "a/b", "", "ab", "UPPER", "x.v1", "con fig", "a" * 41, ".hid"]
)
def test_a_name_that_could_be_a_path_is_refused(
    library: PresetLibrary, tmp_path: Path, name: str
) -> None:
    with pytest.raises(PresetError, match="it must be 3 to 40 of a-z"):
        library.save(name, text(), None)
    with pytest.raises(PresetError, match="there is no preset"):
        library.load(name)
    assert list(tmp_path.rglob("*")) == []


def test_another_name_inside_is_refused(library: PresetLibrary) -> None:
    with pytest.raises(PresetError, match="saved as 'other' it must be the same"):
        library.save("other", text(), None)


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"risk__risk_per_trade": 3}, "risk.risk_per_trade"),
        (
            {"volatility_filters__atr_range_min": 0.9},
            "volatility_filters.atr_range_min",
        ),
        ({"risk__max_total_risk": 0.0001}, "risk.risk_per_trade"),
        ({"no_such_field": 1}, "no_such_field"),
    ],
)
def test_a_check_names_the_path_of_what_is_wrong(
    library: PresetLibrary, fields: dict[str, Any], path: str
) -> None:
    raw = msgspec.json.decode(text())
    for name, value in fields.items():
        place = raw
        *outer, last = name.split("__")
        for one in outer:
            place = place[one]
        place[last] = value
    found = library.check(msgspec.json.encode(raw))
    assert path in {problem.path for problem in found}
    assert all(problem.message for problem in found)
    with pytest.raises(PresetError, match="cannot be used"):
        library.save(NAME, msgspec.json.encode(raw), None)
    assert library.check(text()) == ()


def test_what_is_no_json_is_a_problem_and_no_crash(library: PresetLibrary) -> None:
    for raw in (b"", b"{", b"[]", b"null", b"x" * 2_000_000):
        assert library.check(raw)


def test_a_file_that_a_person_broke_is_shown_and_the_rest_loads(
    library: PresetLibrary, tmp_path: Path
) -> None:
    library.save(NAME, text(), None)
    (tmp_path / "presets" / f"{NAME}.json").write_text("{}")
    entry = library.entry(NAME)
    assert entry.problem is not None
    assert "missing required field" in entry.problem
    assert len(library.entries()) == len(preset_names()) + 1


def test_a_write_that_fails_leaves_what_was_there(
    library: PresetLibrary, tmp_path: Path
) -> None:
    library.save(NAME, text(description="one"), None)
    (tmp_path / "presets" / f".{NAME}.json.part").mkdir()
    with pytest.raises(PresetError, match="cannot be saved"):
        library.save(NAME, text(description="two"), 1)
    assert library.load(NAME).description == "one"


def test_only_so_many_versions_are_kept(
    library: PresetLibrary, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("config.library.VERSIONS_KEPT_MAX", 2)
    version: int | None = None
    for number in range(1, 6):
        version = library.save(NAME, text(description=f"v{number}"), version)
    assert library.versions(NAME) == (3, 4, 5)
    assert library.load(NAME, 3).description == "v3"
