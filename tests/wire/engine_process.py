"""The whole engine as a process of its own, and one who speaks to it over sockets."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import trio

from actors.domain.messages import Role
from control.door.auth import Tokens
from control.door.token_file import save_tokens
from tests.planes import Answer
from tests.recorded import ROOT as SHARED

CHECKOUT = Path(__file__).parents[2]
TOKEN = "the-admin-token-of-the-tests"
VIEWER = "the-viewer-token-of-the-tests"
BREAKOUT = (sys.executable, "-m", "control.cli")
PATIENCE_SECONDS = 240
"""The first process on a machine compiles the pipeline."""


def environment(**more: str) -> dict[str, str]:
    """This process's own, without what would set the engine's knobs."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("BREAKOUT_")}
    own = {"PYTHONPATH": str(CHECKOUT), "BREAKOUT_TOKEN": TOKEN, "COLUMNS": "200"}
    return kept | own | more


def free_port() -> int:
    """A port that was free a moment ago: 0 means no control plane to the engine."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def keep_viewer(folder: Path) -> None:
    """Put a viewer's token on file, as an earlier run would have left it."""
    tokens = Tokens()
    tokens.add(VIEWER, Role.VIEWER, "a-viewer")
    save_tokens(tokens, folder / "tokens.json")


def breakout(
    *words: str, cwd: Path | None = None, **more: str
) -> "subprocess.CompletedProcess[str]":
    """Run one command to its end and return what it printed."""
    return subprocess.run(
        [*BREAKOUT, *words],
        env=environment(**more),
        cwd=cwd or CHECKOUT,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )


def candles(name: str) -> str:
    """The market of one recorded file."""
    return f"replay:{SHARED / 'candles' / name}"


def report_of(folder: Path, *words: str, **more: str) -> dict[str, Any]:
    """Run a market to its end at full speed and return the report."""
    path = folder / f"report-{len(list(folder.iterdir()))}.json"
    done = breakout(
        "run",
        *("--speed", "max", "--port", "0", "--exit-at-end", "--report", str(path)),
        *words,
        **more,
    )
    assert done.returncode == 0, done.stderr
    report: dict[str, Any] = msgspec.json.decode(path.read_bytes())
    return report


class EngineProcess:
    """A running engine: where it listens, what it said, how to speak to it."""

    def __init__(
        self, process: "subprocess.Popen[bytes]", port: int, said: Path
    ) -> None:
        self.process = process
        self.port = port
        self._said = said

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def output(self) -> str:
        return self._said.read_text(errors="replace")

    def says(self, words: str) -> None:
        """Wait until it has printed these words."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while words not in self.output:
            assert self.process.poll() is None, self.output
            assert time.monotonic() < deadline, self.output
            time.sleep(0.02)

    async def connect(self, *, receive_buffer: int | None = None) -> trio.SocketStream:
        opened = trio.socket.socket()
        if receive_buffer is not None:
            option = trio.socket.SO_RCVBUF
            opened.setsockopt(trio.socket.SOL_SOCKET, option, receive_buffer)
        try:
            await opened.connect(("127.0.0.1", self.port))
        except BaseException:
            opened.close()
            raise
        return trio.SocketStream(opened)

    async def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        token: str | None = TOKEN,
        **headers: str,
    ) -> Answer:
        """Speak HTTP/1.1 on a connection of its own; `_` stands for `-` in headers."""
        raw = body if isinstance(body, bytes) else b""
        if body is not None and not isinstance(body, bytes):
            raw = msgspec.json.encode(body)
        given = {"Host": f"127.0.0.1:{self.port}", "Connection": "close"}
        if token is not None:
            given["Authorization"] = f"Bearer {token}"
        if raw or method == "POST":
            given |= {"Content-Length": str(len(raw))}
        if raw:
            given |= {"Content-Type": "application/json"}
        given |= {k.replace("_", "-"): v for k, v in headers.items()}
        lines = [f"{method} {path} HTTP/1.1", *(f"{k}: {v}" for k, v in given.items())]
        asked = "\r\n".join(lines).encode() + b"\r\n\r\n" + raw
        with trio.fail_after(60):
            async with await self.connect() as stream:
                return parsed(await exchanged(stream, asked))

    async def get(self, path: str) -> Any:
        answer = await self.call("GET", path)
        assert answer.status == 200, answer
        return answer.json

    async def post(self, path: str, body: Any = None, **headers: str) -> Answer:
        return await self.call("POST", path, body, **headers)

    async def cycles(self) -> int:
        metrics = await self.get("/api/engine/metrics")
        return int(metrics["cycleCount"])

    async def trades_on(self) -> None:
        """Wait until the engine has taken another step of its market."""
        before = await self.cycles()
        with trio.fail_after(60):
            while await self.cycles() <= before:  # noqa: ASYNC110 - another process tells nobody
                await trio.sleep(0.02)

    async def ends(self) -> int:
        """Wait for the end; returns the exit code."""
        with trio.fail_after(PATIENCE_SECONDS):
            while self.process.poll() is None:  # noqa: ASYNC110 - another process tells nobody
                await trio.sleep(0.02)
        return self.process.returncode

    async def interrupt(self, number: int = signal.SIGINT) -> int:
        """Send a signal and wait for the end; returns the exit code."""
        self.process.send_signal(number)
        return await self.ends()


async def exchanged(stream: trio.SocketStream, asked: bytes) -> bytes:
    """Send a request and read to the end, also when the peer stops reading first."""
    received = bytearray()
    async with trio.open_nursery() as nursery:

        async def send() -> None:
            try:
                await stream.send_all(asked)
            except trio.BrokenResourceError:
                return

        nursery.start_soon(send)
        try:
            async for piece in stream:
                received += piece
        except trio.BrokenResourceError:
            pass
        nursery.cancel_scope.cancel()
    return bytes(received)


def parsed(raw: bytes) -> Answer:
    head, _, body = raw.partition(b"\r\n\r\n")
    first, *rest = head.decode("latin-1").split("\r\n")
    headers = dict(line.split(": ", 1) for line in rest)
    found = {name.lower(): value for name, value in headers.items()}
    return Answer(int(first.split()[1]), found, body)


@contextmanager
def running(
    folder: Path, *words: str, served: bool = True, **more: str
) -> Iterator[EngineProcess]:
    """Start an engine on a free port; it listens when the block begins."""
    port = free_port()
    plenty = {
        "BREAKOUT_CONTROL_RATE_PER_SECOND": "100000",
        "BREAKOUT_CONTROL_ADDRESS_RATE_PER_SECOND": "100000",
    }
    asked = ("run", "--port", str(port if served else 0), "--data-dir", str(folder))
    said = folder / "said.txt"
    with (
        said.open("wb") as file,
        subprocess.Popen(
            [*BREAKOUT, *asked, *words],
            env=environment(**plenty | more),
            cwd=CHECKOUT,
            stdout=file,
            stderr=file,
        ) as process,
    ):
        engine = EngineProcess(process, port, said)
        try:
            engine.says("sign in: " if served else "start: ")
            yield engine
        finally:
            process.kill()
