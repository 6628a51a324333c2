"""`breakout run`: what it refuses, with which words, and how it ends."""

import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
import trio
from typer.testing import CliRunner

from control.cli import app
from tests.wire.engine_process import (
    CHECKOUT,
    breakout,
    environment,
    free_port,
    running,
)

SMALL = ("--symbols", "2", "--seed", "1")
UNSERVED = ("--port", "0")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--market", "moon"], "moon"),
        (["--market", "replay:no-such-file.parquet"], "no-such-file.parquet"),
        (["--market", "exchange:nowhere"], "nowhere"),
        (["--preset", "no_such"], "no_such"),
        (["--strategy", "no_such"], "no_such"),
        (["--strategy", "no-such-file.py"], "no-such-file.py"),
        (["--symbols", "NO/SUCH"], "NO/SUCH"),
        (["--symbols", "0"], "0"),
        (["--speed", "fast"], "fast"),
        (["--for", "soon"], "soon"),
        (["--port", "70000"], "70000"),
        (["--seed", "-1"], "-1"),
        (["--config", "no-such.toml"], "no-such.toml"),
    ],
    ids=lambda value: "_".join(value).lstrip("-") if isinstance(value, list) else "",
)
def test_what_cannot_be_run_is_refused_with_its_value(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["run", *UNSERVED, *words])
    assert done.exit_code == 2
    assert "refused: " in done.stderr
    assert said in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_strategy_file_that_does_not_load_is_named(tmp_path: Path) -> None:
    broken = tmp_path / "broken.py"
    broken.write_text("def on_bar(:\n")
    done = CliRunner().invoke(app, ["run", *UNSERVED, "--strategy", str(broken)])
    assert done.exit_code == 2
    assert "broken.py" in done.stderr


def test_an_address_open_to_others_is_refused(tmp_path: Path) -> None:
    words = ("--host", "0.0.0.0", "--port", str(free_port()), *SMALL)
    done = breakout("run", *words, cwd=tmp_path)
    assert done.returncode == 2
    assert "0.0.0.0" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_setting_that_nobody_knows_is_refused(tmp_path: Path) -> None:
    done = breakout("run", cwd=tmp_path, BREAKOUT_CONTROL_PROT="8001")
    assert done.returncode == 2
    assert "BREAKOUT_CONTROL_PROT" in done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "trades on exchange:ID, not on demo"),
        (("--market", "exchange:binanceusdm"), "live.symbols is empty"),
        (("--fresh",), "a real one goes on"),
    ],
)
def test_live_mode_is_refused_without_what_it_needs(
    tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    done = breakout("run", *UNSERVED, "--mode", "live", *words, cwd=tmp_path)
    assert done.returncode == 2
    assert said in done.stderr


def test_invariants_cannot_be_switched_off(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-O", "-m", "control.cli", "run", *UNSERVED],
        env=environment(),
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert "-O" in done.stderr


def test_a_run_to_its_end_reports_and_exits_with_0(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    done = breakout(
        "run",
        *(*UNSERVED, *SMALL, "--speed", "max", "--for", "1h", "--exit-at-end"),
        *("--report", str(path)),
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert msgspec.json.decode(path.read_bytes())["bars"] == 120
    assert "2 symbols, 120 bars" in done.stderr
    assert "\x1b" not in done.stderr  # the live line is for terminals
    assert list(tmp_path.iterdir()) == [path]  # a run to the end keeps nothing else


def ends(folder: Path) -> list[str]:
    """The reasons of the sessions that ended, as the journal has them."""
    with sqlite3.connect(folder / "journal.sqlite") as journal:
        rows = journal.execute("SELECT body FROM journal_session")
        bodies = [msgspec.json.decode(body) for (body,) in rows]
    return [body["reason"] for body in bodies if body["type"] == "ended"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_stops_in_order_and_says_what_was_done(
    tmp_path: Path, number: signal.Signals
) -> None:
    with running(tmp_path, *SMALL, "--speed", "600") as engine:
        await engine.trades_on()
        assert await engine.interrupt(number) == 0
    assert f"{number.name}: stopping in order" in engine.output
    assert "stop: stopped" in engine.output
    assert "2 symbols" in engine.output
    assert "error" not in engine.output
    assert ends(tmp_path) == ["ended in order"]


async def test_more_signals_while_stopping_change_nothing(tmp_path: Path) -> None:
    report = tmp_path / "r.json"
    words = (*SMALL, "--speed", "max", "--report", str(report))
    with running(tmp_path, *words) as engine:
        await engine.trades_on()
        for _ in range(5):
            engine.process.send_signal(signal.SIGINT)
            await trio.sleep(0.005)
        assert await engine.ends() == 0
    assert ends(tmp_path) == ["ended in order"]
    read = msgspec.json.decode(report.read_bytes())
    assert read["illegal_transitions"] == read["restarts"] == 0
    again = breakout(
        "run",
        *UNSERVED,
        *SMALL,
        "--for",
        "10m",
        "--speed",
        "max",
        *("--exit-at-end", "--data-dir", str(tmp_path)),
    )
    assert again.returncode == 0, again.stderr
    assert len(ends(tmp_path)) == 2


async def test_after_the_market_s_end_the_engine_still_answers(tmp_path: Path) -> None:
    words = (*SMALL, "--speed", "max", "--for", "30m")
    with running(tmp_path, *words) as engine:
        engine.says("the market is over")
        rows = (await engine.get("/api/symbols"))["items"]
        assert {row["actorState"] for row in rows} == {"stopped"}
        assert (await engine.get("/api/engine/status"))["state"] == "IDLE"
        assert await engine.interrupt() == 0
    assert ends(tmp_path) == ["ended in order"]


async def test_one_folder_serves_one_engine(tmp_path: Path) -> None:
    with running(tmp_path, *SMALL, "--speed", "600") as engine:
        # Its market is not even looked for: an exchange is asked by one engine alone.
        market = ("--market", "replay:nowhere.parquet")
        second = breakout("run", *UNSERVED, *market, "--data-dir", str(tmp_path))
        assert second.returncode == 2
        assert str(engine.process.pid) in second.stderr
        assert "Traceback" not in second.stderr
        await engine.trades_on()


async def test_one_port_serves_one_engine(tmp_path: Path) -> None:
    with running(tmp_path, *SMALL, "--speed", "600") as engine:
        words = ("--port", str(engine.port), "--data-dir", str(tmp_path / "other"))
        second = breakout("run", *SMALL, *words)
        assert second.returncode == 2
        assert str(engine.port) in second.stderr
        assert "Traceback" not in second.stderr
        await engine.trades_on()
