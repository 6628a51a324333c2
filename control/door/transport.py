"""One console's connection, with a limit on how long it may keep the engine waiting.

Hypercorn writes under a shield, a lock and no deadline, so a console that stops
reading would hold its connection for ever, and an orderly stop with it. Two limits
end that. Here each piece of a write has a deadline of its own, inside the shield, on
every platform. In the kernel `TCP_USER_TIMEOUT`, where there is one, ends a peer that
vanished while nothing is being written.

`current_transport` is set before the connection starts, and the application's tasks
inherit it, so the hub can abort the console that it serves, even in mid-write.
"""

import errno
import struct
from contextlib import suppress
from contextvars import ContextVar
from typing import Final

import trio

PIECE_BYTES: Final = 131_072
"""A write is timed by the piece: a long answer may be slow, never stand still.

As large as a frame of 300 symbols: pieces of 16 KiB cost half as much CPU again.
"""

_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)


class Transport(trio.abc.HalfCloseableStream):
    """A TCP stream that can be aborted by anybody and never stalls a writer.

    Once reading ends or the stream is aborted, whoever still works for this
    connection has `linger_seconds` before `scope` is cancelled.
    """

    def __init__(
        self,
        stream: trio.SocketStream,
        peer: str,
        *,
        stall_seconds_max: float,
        linger_seconds: float,
    ) -> None:
        self.socket = stream.socket
        self.peer = peer
        self.scope = trio.CancelScope()
        self.stalled = False
        self.aborted = False
        self.is_spare = False  # beyond the caps: to halt and for nothing else
        self.is_proven = False  # somebody with a good token halts over it
        self.received_bytes = 0
        self.sent_bytes = 0
        self._stream = stream
        self._stall_seconds_max = stall_seconds_max
        self._linger_seconds = linger_seconds

    def abort(self) -> None:
        """Reset the connection at once; a write in progress raises, shielded or not."""
        self.aborted = True
        with suppress(OSError):
            # A close alone would leave the kernel sending what the peer won't read.
            linger = trio.socket.SO_LINGER
            self.socket.setsockopt(trio.socket.SOL_SOCKET, linger, _RESET_ON_CLOSE)
        self.socket.close()
        self._begin_end()

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Write everything; raises BrokenResourceError when the peer stands still."""
        with memoryview(data) as view:
            for start in range(0, max(len(view), 1), PIECE_BYTES):
                await self._send_piece(view[start : start + PIECE_BYTES])

    async def _send_piece(self, piece: memoryview) -> None:
        with trio.move_on_after(self._stall_seconds_max) as patience:
            try:
                await self._stream.send_all(piece)
            except trio.BrokenResourceError as error:
                self._note_timeout(error)
                # The reader may be waiting for the application and see nothing.
                self._begin_end()
                raise
            except trio.BusyResourceError:
                # Hypercorn's other task is in `send_eof`: to this one that is closed.
                message = f"{self.peer} is being closed"
                raise trio.ClosedResourceError(message) from None
            self.sent_bytes += len(piece)
        if patience.cancelled_caught:
            self.stalled = True
            self.abort()
            message = (
                f"{self.peer} did not take {len(piece)} bytes in the"
                f" {self._stall_seconds_max} s it may: dropped, free to connect again"
            )
            raise trio.BrokenResourceError(message)

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        """Read what has arrived; empty bytes at the peer's end of stream."""
        received: bytes | bytearray = b""
        try:
            received = await self._stream.receive_some(max_bytes)
        except trio.BrokenResourceError as error:
            self._note_timeout(error)
            raise
        finally:
            # Nobody reads again after an error, a read deadline or the end.
            if not received:
                self._begin_end()
        self.received_bytes += len(received)
        return received

    async def wait_send_all_might_not_block(self) -> None:
        """Wait until the kernel would take more."""
        await self._stream.wait_send_all_might_not_block()

    async def send_eof(self) -> None:
        """Tell the peer that nothing more will come."""
        await self._stream.send_eof()

    async def aclose(self) -> None:
        """Close; the kernel sends what it still holds."""
        await self._stream.aclose()

    def _begin_end(self) -> None:
        until = trio.current_time() + self._linger_seconds
        self.scope.deadline = min(self.scope.deadline, until)

    def _note_timeout(self, error: trio.BrokenResourceError) -> None:
        cause = error.__cause__
        if isinstance(cause, OSError) and cause.errno == errno.ETIMEDOUT:
            self.stalled = True


current_transport: ContextVar[Transport | None] = ContextVar(
    "current_transport", default=None
)
"""The transport of the connection that this task works for."""


def abort_current() -> None:
    """Reset the connection that the calling task works for; nothing outside one."""
    transport = current_transport.get()
    if transport is not None:
        transport.abort()
