"""One client's line: what is to be sent to it, in order, and no more than it can take.

A client that does not read is cut off when its line holds more than a limit: an
exchange does so too, and it keeps one slow reader from becoming everybody's memory.
"""

import trio

from actors.loopback.floor.pit import Venue
from actors.loopback.streams.frames import frame

WAITING_BYTES_MAX = 16 * 1024 * 1024


class Line:
    """The way to one WebSocket client."""

    def __init__(self, venue: Venue, *, combined: bool, opened_ms: int) -> None:
        self.venue, self.combined, self.opened_ms = venue, combined, opened_ms
        self.names: set[str] = set()  # streams as the client named them
        self.silent = False  # a fault: nothing is sent any more
        self.cut = False
        self.last_heard = trio.current_time()
        self._waiting: list[bytes] = []
        self._bytes = 0
        self._wake = trio.Event()
        self._last = False

    @property
    def waiting_bytes(self) -> int:
        """How much waits to be sent."""
        return self._bytes

    def send(self, framed: bytes) -> None:
        """Queue one whole frame."""
        if self.silent or self.cut:
            return
        self._waiting.append(framed)
        self._bytes += len(framed)
        if self._bytes > WAITING_BYTES_MAX:
            self.cut = True
        self._wake.set()

    def say(self, payload: bytes) -> None:
        """Queue one message."""
        self.send(frame(payload))

    def end(self) -> None:
        """Cut the line as soon as its writer looks."""
        self.cut = True
        self._wake.set()

    def end_after_batch(self) -> None:
        """Cut the line when what waits now has been sent."""
        self._last = True
        self._wake.set()

    async def next_batch(self) -> bytes:
        """Wait for something to send; b"" when the line is cut."""
        while not self._waiting and not self.cut and not self._last:
            self._wake = trio.Event()
            await self._wake.wait()
        if self.cut:
            return b""
        batch, self._waiting, self._bytes = b"".join(self._waiting), [], 0
        return batch
