"""Those who are spoken to from inside: small HTTP servers on loopback."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import msgspec
import trio

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
REFUSED = b"HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n"


class Heard(msgspec.Struct):
    """One request as it came."""

    path: str
    body: bytes


Answer = Callable[[trio.SocketStream], Awaitable[None]]


class Listener:
    """Keeps what it hears, and answers as it is told."""

    def __init__(self, answer: Answer | bytes) -> None:
        self.answer = answer
        self.heard: list[Heard] = []
        self.port = 0
        self._news = trio.Event()

    async def hears(self, count: int) -> None:
        """Wait until so many requests have come."""
        with trio.fail_after(60):
            while len(self.heard) < count:
                await self._news.wait()

    async def attend(self, stream: trio.SocketStream) -> None:
        async with stream:
            head, _, body = (await self._until(stream, b"", b"\r\n\r\n")).partition(
                b"\r\n\r\n"
            )
            lines = head.decode("latin-1").split("\r\n")
            length = next(
                (
                    int(line[15:])
                    for line in lines
                    if line[:15].lower() == "content-length:"
                ),
                0,
            )
            while len(body) < length:
                body += await stream.receive_some()
            self.heard.append(Heard(lines[0].split()[1], body))
            self._news.set()
            self._news = trio.Event()
            try:
                if isinstance(self.answer, bytes):
                    await stream.send_all(self.answer)
                else:
                    await self.answer(stream)
            except trio.BrokenResourceError:
                return

    @staticmethod
    async def _until(stream: trio.SocketStream, got: bytes, end: bytes) -> bytes:
        while end not in got and (piece := await stream.receive_some()):
            got += piece
        return got


async def hang(_: trio.SocketStream) -> None:
    """Never answer."""
    await trio.sleep_forever()


@asynccontextmanager
async def listening(answer: Answer | bytes) -> AsyncIterator[Listener]:
    listener = Listener(answer)
    sockets = await trio.open_tcp_listeners(0, host="127.0.0.1")
    listener.port = sockets[0].socket.getsockname()[1]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.serve_listeners, listener.attend, sockets)
        yield listener
        nursery.cancel_scope.cancel()
