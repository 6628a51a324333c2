"""`breakout doctor`: each thing that is wrong is found, with what to do about it."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from control.cli import app
from control.doctor.finding import Finding, State
from control.shell.doctor import examine

HIDDEN = "canary-of-the-tests"


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch, quiet_log: None) -> None:
    for name in os.environ:
        if name.startswith(("BREAKOUT_", "NOTIFY_", "NUMBA_CACHE")):
            monkeypatch.delenv(name)


def found(folder: Path, **given: object) -> dict[str, Finding]:
    overrides = {"engine.data_dir": str(folder), "control.port": 0}
    overrides |= {name.replace("__", "."): value for name, value in given.items()}
    return {finding.name: finding for finding in examine(None, overrides)}


def test_a_fresh_folder_has_nothing_bad(tmp_path: Path) -> None:
    seen = found(tmp_path / "new")
    assert {f.name for f in seen.values() if f.state is State.BAD} == set()
    assert seen["journal"].found.startswith("none yet at ")
    assert "will be made" in seen["data"].found
    assert not (tmp_path / "new").exists()


def test_everything_that_is_not_ok_says_what_to_do(tmp_path: Path) -> None:
    seen = found(tmp_path)
    assert [
        f.name for f in seen.values() if f.state is not State.OK and not f.remedy
    ] == []


def test_settings_that_cannot_be_used_are_the_finding(tmp_path: Path) -> None:
    (finding,) = found(tmp_path, control__port=70_000).values()
    assert finding.state is State.BAD
    assert "control.port" in finding.found


def test_a_journal_that_is_none_is_found(tmp_path: Path) -> None:
    (tmp_path / "journal.sqlite").write_bytes(b"no database at all" * 100)
    journal = found(tmp_path)["journal"]
    assert journal.state is State.BAD
    assert "breakout audit verify" in journal.remedy


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_found(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    assert found(tmp_path)["data"].state is State.BAD


def test_a_disk_without_room_is_found(tmp_path: Path) -> None:
    data = found(tmp_path, monitor__disk_free_mb_min=2**29)["data"]
    assert data.state is State.BAD
    assert "make room" in data.remedy


def test_a_token_file_that_others_can_read_is_found(tmp_path: Path) -> None:
    path = tmp_path / "tokens.json"
    path.write_text("[]")
    path.chmod(0o644)
    assert found(tmp_path)["tokens"] == Finding(
        "tokens", State.BAD, f"{path} has mode 0644", f"chmod 600 {path}"
    )
    path.chmod(0o600)
    assert found(tmp_path)["tokens"].state is State.OK
    assert path.read_text() == "[]"


def test_a_token_file_that_cannot_be_read_is_found(tmp_path: Path) -> None:
    path = tmp_path / "tokens.json"
    path.write_text("no tokens")
    path.chmod(0o600)
    assert found(tmp_path)["tokens"].state is State.BAD
    assert path.read_text() == "no tokens"


def test_a_token_that_is_too_short_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BREAKOUT_TOKEN", "short")
    assert found(tmp_path)["token"].state is State.BAD


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        yield stranger.getsockname()[1]


def test_a_port_that_a_stranger_has_is_found(
    tmp_path: Path, taken: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("control.doctor.network.SECONDS_MAX", 0.2)
    port = found(tmp_path, control__port=taken)["port"]
    assert port.state is State.BAD
    assert "choose another with --port" in port.remedy


def test_an_address_that_others_reach_is_found(tmp_path: Path) -> None:
    seen = found(tmp_path, control__host="0.0.0.0", control__port=1)
    assert seen["address"].state is State.WARN


@pytest.mark.parametrize(
    ("urls", "schemes", "state"),
    [
        (f"a=json://localhost/{HIDDEN}", "json", State.OK),
        (f"a=json://localhost/{HIDDEN}", "", State.BAD),
        (f"a=tgram://{HIDDEN}", "json", State.BAD),
        (None, "", State.WARN),
    ],
)
def test_notices_are_judged_without_showing_a_url(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    urls: str | None,
    schemes: str,
    state: State,
) -> None:
    if urls is not None:
        monkeypatch.setenv("BREAKOUT_NOTICES_URLS", urls)
    notices = found(tmp_path, notices__schemes=schemes)["notices"]
    assert notices.state is state
    assert HIDDEN not in notices.found + notices.remedy


def test_a_watchdog_elsewhere_that_cannot_be_reached_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, taken: int
) -> None:
    url = f"http://127.0.0.1:{taken}/{HIDDEN}"
    monkeypatch.setenv("BREAKOUT_HEARTBEAT_URL", url)
    assert found(tmp_path)["heartbeat"].state is State.OK
    monkeypatch.setenv("BREAKOUT_HEARTBEAT_URL", "http://127.0.0.1:1/canary")
    heartbeat = found(tmp_path)["heartbeat"]
    assert heartbeat.state is State.BAD
    assert "canary" not in heartbeat.found
    monkeypatch.setenv("BREAKOUT_HEARTBEAT_URL", "http://elsewhere.example/")
    assert found(tmp_path)["heartbeat"].state is State.BAD


def test_code_that_cannot_be_kept_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", "/proc/nowhere")
    assert found(tmp_path)["compiled"].state is State.WARN


def test_the_exit_code_says_whether_something_is_bad(tmp_path: Path) -> None:
    command = ["doctor", "--data-dir", str(tmp_path), "--port", "0"]
    well = CliRunner().invoke(app, [*command, "--json"])
    assert well.exit_code == 0
    rows = msgspec.json.decode(well.stdout, type=list[Finding])
    assert {"python", "asserts", "packages", "clock"} <= {row.name for row in rows}
    (tmp_path / "journal.sqlite").write_bytes(b"no database at all" * 100)
    sick = CliRunner().invoke(app, command)
    assert sick.exit_code == 1
    assert "bad  journal" in sick.stdout
