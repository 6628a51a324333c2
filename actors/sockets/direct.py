"""A socket's stream for a market's messages: it waits first, reads then, and breathes.

trio's own stream tries to read, is told that there is nothing, and only then waits. On
a stream that is read without a pause that first try is nearly always in vain; without
it a wake-up for a single message costs about a third less.

What a message costs is mostly the wake-up that it causes, which is dozens of messages'
worth. So a stream that is heard again within a breath waits for the breath's end, and
takes all that has come by then without asking first. Breaths end at the same moments
for all streams, so one wake-up serves them all. A message that comes alone is read at
once, and a flood without any wait. This is below TLS, where a record often brings one
message: records that came together cost no breath each. Sending and closing are the
socket's own.
"""

import os

import trio

#: So much at once is a flood: then there is nothing to be saved by waiting.
FLOOD_BYTES = 16 * 1024


class DirectStream(trio.abc.Stream):
    """Wraps a connected TCP stream."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self.breath_seconds = 0.0  # 0: whatever comes is read as soon as it is there
        self._stream = stream
        self._socket = stream.socket
        self._read_at = 0.0
        self._breath_ends: float | None = None  # set: there is more to come by then

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Wait for bytes and return what is there; empty: the peer has ended."""
        most, ends = max_bytes or 65_536, self._breath_ends
        if ends is None:
            await trio.lowlevel.wait_readable(self._number())
        else:
            await doze_until(ends)
        while (received := self._read(most)) is None:
            ends = None
            await trio.lowlevel.wait_readable(self._number())
        if self.breath_seconds:
            self._breathe(len(received), again=ends is not None)
        return received

    def _breathe(self, size: int, *, again: bool) -> None:
        """Choose how the next bytes are waited for."""
        now, breath = trio.current_time(), self.breath_seconds
        often = again or now - self._read_at < breath
        self._read_at = now
        often = often and size < FLOOD_BYTES
        self._breath_ends = (now // breath + 1) * breath if often else None

    def _number(self) -> int:
        number = self._socket.fileno()
        if number < 0:
            msg = "the stream is closed"
            raise trio.ClosedResourceError(msg)
        return number

    def _read(self, most: int) -> bytes | None:
        """Read what is there; None: there is nothing yet."""
        try:
            return os.read(self._number(), most)
        except BlockingIOError:
            return None
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


async def doze_until(moment: float) -> None:
    """Sleep without the exception that ends trio's own sleep, a sixth of its cost.

    A cancellation from outside that comes when the moment is over already is left to
    the next checkpoint.
    """
    task = trio.lowlevel.current_task()

    def end(_raise_cancel: object) -> trio.lowlevel.Abort:
        if trio.current_time() < moment:
            return trio.lowlevel.Abort.SUCCEEDED  # somebody else's cancellation
        trio.lowlevel.reschedule(task)
        return trio.lowlevel.Abort.FAILED

    with trio.CancelScope(deadline=moment):
        await trio.lowlevel.wait_task_rescheduled(end)
