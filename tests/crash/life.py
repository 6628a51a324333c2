"""One cell of the table: an exchange, an engine that dies, another that must cope.

A worker is a process that has imported everything, runs no loop and has no thread, so
that it may fork: a start of the engine then costs milliseconds.
"""

import os
import select
import shutil
import signal
import socket
import sqlite3
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec

from actors.journal import Kind, Row
from tests.crash.engine import LIFE_SECONDS_MAX, Life, Report, Said, Seen, run_engine
from tests.crash.exchange import CONTROL, run_exchange
from tests.crash.scenarios import Scenario, world_of
from tests.crash.truth import Truth
from tests.crash.wire import Answer, Frames, asking, read_word
from tests.sim.world import World

DOWN_BARS = 3
LOG_CHARACTERS_MAX = 20_000


class Ended(msgspec.Struct, kw_only=True):
    """What is left of one life."""

    said: list[Said]
    status: int  # of waitpid
    log: str  # the end of what it printed

    @property
    def killed(self) -> bool:
        return os.WIFSIGNALED(self.status) and os.WTERMSIG(self.status) == 9

    @property
    def told(self) -> str:
        """How it ended, for a reader."""
        if self.killed:
            return f"killed at {self.landed or 'no point'}"
        return f"ended by itself with status {self.status}"

    @property
    def landed(self) -> str:
        return next((one.landed for one in self.said if one.landed), "")

    @property
    def phase(self) -> str:
        return next((one.phase for one in self.said if one.landed), "")

    @property
    def seen(self) -> list[Seen]:
        return [one.seen for one in self.said if one.seen is not None]

    @property
    def report(self) -> Report | None:
        return next((one.report for one in self.said if one.report), None)

    @property
    def acked(self) -> set[str]:
        return {one.acked for one in self.said if one.acked}

    @property
    def passed(self) -> dict[str, int]:
        return next((one.passed for one in self.said if one.passed), {})


class Control:
    """The harness's line to the exchange."""

    def __init__(self, path: Path) -> None:
        self._line = socket.socket(socket.AF_UNIX)
        self._line.settimeout(LIFE_SECONDS_MAX)
        self._line.connect(str(path))
        self._frames = Frames()

    def ask(self, method: str, *args: Any) -> Any:
        self._line.sendall(asking(0, method, args))
        while (frame := self._frames.next()) is None:
            more = self._line.recv(65_536)
            if not more:
                msg = "the exchange has ended"
                raise ConnectionError(msg)
            self._frames.add(more)
        answer = read_word(frame)
        assert isinstance(answer, Answer), f"{answer!r} is no answer"
        return msgspec.msgpack.decode(answer.result, type=CONTROL[method][1])

    def truth(self) -> Truth:
        found: Truth = self.ask("truth")
        return found

    def close(self) -> None:
        self._line.close()


class Ground:
    """A directory, an exchange process in it, and engines that come and go."""

    def __init__(self, where: Path, scenario: Scenario, world: World) -> None:
        self.journal = where / "journal.db"
        self._socket = where / "exchange.sock"
        self._log = where / "engine.log"
        self._scenario = scenario
        listening = socket.socket(socket.AF_UNIX)
        listening.bind(str(self._socket))
        listening.listen()
        listening.setblocking(False)
        self._exchange = forked(
            lambda: run_exchange(scenario, world, self.journal, listening),
            where / "exchange.log",
        )
        listening.close()
        self.control = Control(self._socket)

    def live(self, life: Life, kill_after: float | None = None) -> Ended:
        """Start an engine and wait for its end; `kill_after` seconds it is killed."""
        reading, writing = os.pipe()
        pid = forked(
            lambda: run_engine(
                life, self._scenario, self._socket, self.journal, writing
            ),
            self._log,
        )
        os.close(writing)
        try:
            said = list(_heard(reading, pid, kill_after))
        finally:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            os.close(reading)
        _, status = os.waitpid(pid, 0)
        self.control.ask("alone")
        return Ended(said=said, status=status, log=_end_of(self._log))

    def close(self) -> None:
        self.control.close()
        os.kill(self._exchange, signal.SIGKILL)
        os.waitpid(self._exchange, 0)


def _end_of(log: Path) -> str:
    """What an engine printed last; nothing when it was killed before its first word."""
    return log.read_text()[-LOG_CHARACTERS_MAX:] if log.exists() else ""


def _heard(reading: int, pid: int, kill_after: float | None) -> Iterator[Said]:
    """Every line of an engine until its end of the pipe is closed."""
    kept, began = b"", time.monotonic()
    while True:
        left = None
        if kill_after is not None:
            left = max(0.0, began + kill_after - time.monotonic())
        ready, _, _ = select.select([reading], [], [], left)
        if not ready or left == 0.0:
            os.kill(pid, signal.SIGKILL)
            kill_after = None
            continue
        more = os.read(reading, 65_536)
        if not more:
            return
        *lines, kept = (kept + more).split(b"\n")
        yield from (msgspec.json.decode(line, type=Said) for line in lines)


def forked(run: Callable[[], None], log: Path) -> int:
    """Fork a process that does one thing; its words go to a file."""
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        signal.alarm(3 * LIFE_SECONDS_MAX)
        with log.open("ab", buffering=0) as end:
            os.dup2(end.fileno(), 1)
            os.dup2(end.fileno(), 2)
        run()
        status = 0
    except BaseException:  # noqa: BLE001 - the last word of this process
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(status)


@contextmanager
def ground(scenario: Scenario) -> Iterator[Ground]:
    """An exchange of its own in a directory of its own."""
    where = Path(tempfile.mkdtemp(prefix="crash-"))
    found = Ground(where, scenario, world_of(scenario))
    try:
        yield found
    finally:
        found.close()
        shutil.rmtree(where, ignore_errors=True)


def read_journal(journal: Path) -> list[Row]:
    """All rows on the disk, read from a copy: the next engine shall find its own."""
    with tempfile.TemporaryDirectory(prefix="crash-copy-") as place:
        copy = Path(place) / "copy.db"
        for end in ("", "-wal"):
            with suppress(FileNotFoundError):
                shutil.copy(f"{journal}{end}", f"{copy}{end}")
        with closing(sqlite3.connect(copy)) as database:
            return sorted(_rows(database), key=lambda row: row.seq)


def _rows(database: sqlite3.Connection) -> Iterator[Row]:
    tables = {
        name
        for (name,) in database.execute("SELECT name FROM sqlite_schema").fetchall()
    }
    for kind in Kind:
        if kind.table not in tables:  # killed before the schema was there
            continue
        columns = "seq, session, ts_ms, symbol, correlation, body"
        for *facts, body in database.execute(f"SELECT {columns} FROM {kind.table}"):
            seq, session, ts_ms, symbol, correlation = facts
            raw = msgspec.Raw(body.encode())
            yield Row(seq, kind, session, ts_ms, symbol, correlation, raw)
