"""An HTTP server on a loopback port that answers as a test tells it to."""

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import trio


class Heard:
    """One request as it came, and the connection to answer on."""

    def __init__(self, stream: trio.abc.Stream, raw: bytes) -> None:
        self.stream = stream
        self.raw = raw
        self.line = raw.split(b"\r\n", 1)[0].decode()
        self.body = raw.partition(b"\r\n\r\n")[2]

    async def answer(
        self, body: bytes = b"{}", status: int = 200, headers: str = ""
    ) -> None:
        head = f"HTTP/1.1 {status} Because\r\nContent-Length: {len(body)}\r\n"
        kind = "" if "Content-Type" in headers else "Content-Type: application/json\r\n"
        await self.stream.send_all(f"{head}{kind}{headers}\r\n".encode() + body)


Script = Callable[[Heard], Awaitable[None]]


@asynccontextmanager
async def answering(
    script: Script, context: ssl.SSLContext | None = None
) -> AsyncIterator[str]:
    """Run `script` for each request; give the address without a slash at its end."""

    async def handle(stream: trio.abc.Stream) -> None:
        if context is not None:
            stream = trio.SSLStream(
                stream, context, server_side=True, https_compatible=True
            )
        received = b""
        try:
            while True:
                while b"\r\n\r\n" not in received:
                    chunk = await stream.receive_some(65_536)
                    if not chunk:
                        return
                    received += chunk
                received = await _one(stream, received, script)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return  # the client hung up, or the script did

    async with trio.open_nursery() as nursery:
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        port = listeners[0].socket.getsockname()[1]
        nursery.start_soon(trio.serve_listeners, handle, listeners)
        yield f"http{'s' if context else ''}://127.0.0.1:{port}"
        nursery.cancel_scope.cancel()


async def _one(stream: trio.abc.Stream, received: bytes, script: Script) -> bytes:
    head, _, rest = received.partition(b"\r\n\r\n")
    length = 0
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            length = int(line.split(b":")[1])
    while len(rest) < length:
        rest += await stream.receive_some(65_536)
    await script(Heard(stream, head + b"\r\n\r\n" + rest[:length]))
    return rest[length:]
