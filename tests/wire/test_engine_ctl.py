"""`breakout ctl` beside a real engine, and the live views in a terminal."""

import os
import pty
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest
import trio

from tests.wire.engine_process import (
    BREAKOUT,
    CHECKOUT,
    VIEWER,
    EngineProcess,
    breakout,
    environment,
    free_port,
    keep_viewer,
    running,
)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EngineProcess]:
    folder = tmp_path_factory.mktemp("ctl")
    keep_viewer(folder)
    with running(folder, "--no-start", "--symbols", "4", "--speed", "600") as started:
        yield started


def ctl(
    engine: EngineProcess, *words: str, **more: str
) -> "subprocess.CompletedProcess[str]":
    return breakout("ctl", *words, "--url", engine.url, **more)


def test_done_is_0_and_what_the_engine_refuses_is_3(engine: EngineProcess) -> None:
    for words, code in (
        (["stop"], 3),
        (["start", "no_such"], 3),
        (["start", "breakout_v1"], 0),
        (["start", "breakout_v1"], 3),
        (["pause"], 0),
        (["resume"], 0),
        (["command", "time_stop"], 0),
        (["command", "fly"], 3),
        (["stop", "--json"], 0),
    ):
        done = ctl(engine, *words)
        assert done.returncode == code, (words, done.stdout, done.stderr)
    assert msgspec.json.decode(done.stdout)["ok"] is True


def test_status_tells_the_nine_fields(engine: EngineProcess) -> None:
    read = msgspec.json.decode(ctl(engine, "status", "--json").stdout)
    assert len(read) == 9
    assert read["state"] == "IDLE"


def test_a_viewer_s_command_is_3_and_no_token_is_2(engine: EngineProcess) -> None:
    assert ctl(engine, "status", BREAKOUT_TOKEN=VIEWER).returncode == 0
    assert ctl(engine, "stop", BREAKOUT_TOKEN=VIEWER).returncode == 3
    assert ctl(engine, "stop", BREAKOUT_TOKEN="").returncode == 2


def test_release_gives_the_typed_word_to_the_engine(engine: EngineProcess) -> None:
    assert ctl(engine, "release").returncode == 2
    refused = ctl(engine, "release", "RESET")
    assert refused.returncode == 3
    assert "reset is not possible in IDLE" in refused.stderr


def test_a_difference_is_shown_and_settled_from_a_terminal(
    engine: EngineProcess,
) -> None:
    shown = ctl(engine, "reconcile")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "nothing differs" in shown.stdout
    same = ctl(engine, "command", "reconcile")
    assert (same.returncode, same.stdout) == (0, shown.stdout)
    words = ("settle", "BTC/USDT:USDT", "adopt", "--id", "d-1")
    assert ctl(engine, *words).returncode == 2  # nothing typed again
    wrong = ctl(engine, *words, "--confirm", "BTC")
    assert wrong.returncode == 3
    assert "confirm is 'BTC'; it must be 'BTC/USDT:USDT'" in wrong.stderr
    none = ctl(engine, *words, "--confirm", "BTC/USDT:USDT")
    assert none.returncode == 3
    assert "differs" in none.stderr


def test_nobody_there_is_4() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    assert breakout("ctl", "status", "--url", url).returncode == 4


class Terminal:
    """A pseudo-terminal that a process believes in."""

    def __init__(self, process: "subprocess.Popen[bytes]", side: int) -> None:
        self.process = process
        self._side = side
        self.shown = ""

    async def shows(self, *words: str) -> None:
        """Read until each of these words has been on the screen."""
        with trio.fail_after(60):
            while not all(word in self.shown for word in words):
                await trio.lowlevel.wait_readable(self._side)
                piece = os.read(self._side, 65_536)
                self.shown += piece.decode(errors="replace")

    async def interrupt(self) -> int:
        """Do what Ctrl-C does, and read on so that the process can end."""
        self.process.send_signal(signal.SIGINT)
        with trio.fail_after(60):
            while self.process.poll() is None:
                with trio.move_on_after(0.05):
                    await trio.lowlevel.wait_readable(self._side)
                    self._drain()
        return self.process.returncode

    def _drain(self) -> None:
        try:
            self.shown += os.read(self._side, 65_536).decode(errors="replace")
        except OSError:  # Linux says so when the other side has gone
            return


@contextmanager
def terminal(*words: str) -> Iterator[Terminal]:
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [*BREAKOUT, *words],
        env=environment(TERM="xterm", COLUMNS="120", LINES="60"),
        cwd=CHECKOUT,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    ) as process:
        os.close(theirs)
        try:
            yield Terminal(process, ours)
        finally:
            process.kill()
            os.close(ours)


async def test_watch_draws_the_engine_and_leaves_it_alone(
    engine: EngineProcess,
) -> None:
    started = await engine.post("/api/engine/start", {"preset": "breakout_v1"})
    assert started.status == 200
    with terminal("ctl", "watch", "--url", engine.url) as screen:
        await screen.shows("SCANNING", "BTC/USDT:USDT", "free slots", "transitions")
        assert await screen.interrupt() == 0
        assert "the engine goes on" in screen.shown
    await engine.trades_on()
    assert (await engine.post("/api/engine/stop")).status == 200


async def test_progress_is_a_live_line_in_a_terminal(tmp_path: Path) -> None:
    words = ("--port", "0", "--symbols", "2", "--speed", "600")
    with terminal("run", *words, "--data-dir", str(tmp_path)) as screen:
        await screen.shows("start: ", " bars  ", "equity 10000.00", "\x1b[2K")
        assert await screen.interrupt() == 0
        assert "SIGINT: stopping in order" in screen.shown
