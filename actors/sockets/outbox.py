"""What waits to be sent: frames in the order in which they were given, in a bound.

One task writes; whoever sends only queues. So a sender that is cancelled never leaves
half a frame on the wire, and the order of frames is that of the calls.
"""

from collections import deque

import trio

from actors.sockets.errors import OutboxFull

#: Pongs that wait; a peer that pings faster is answered for its newest ones only.
PONGS_MAX = 16


class Outbox:
    """A bounded queue of frames with room of its own for pongs."""

    def __init__(self, messages_max: int) -> None:
        self._messages_max = messages_max
        self._frames: deque[bytes] = deque()
        self._pongs: deque[bytes] = deque(maxlen=PONGS_MAX)
        self._filled = trio.Event()
        self._room = trio.StrictFIFOLock()  # who waits for room, in their order
        self._emptied = trio.Event()
        self._ended = False

    async def put(self, frame: bytes) -> None:
        """Queue a frame; wait for room, behind those who wait already.

        After `end` a frame is dropped: the socket's failure is told to its reader.
        """
        async with self._room:
            while len(self._frames) >= self._messages_max and not self._ended:
                self._emptied = trio.Event()
                await self._emptied.wait()
            self._append(frame)

    def put_now(self, frame: bytes) -> None:
        """Queue a frame without waiting; OutboxFull: there is no room."""
        if len(self._frames) >= self._messages_max or self._room.locked():
            msg = f"{len(self._frames)} messages wait to be sent already"
            raise OutboxFull(msg)
        self._append(frame)

    def put_pong(self, frame: bytes) -> None:
        """Queue a pong; it overtakes whatever waits."""
        self._pongs.append(frame)
        self._filled.set()

    def put_last(self, frame: bytes) -> None:
        """Queue a goodbye, room or not; nothing is taken in after it."""
        self._append(frame)
        self.end()

    def end(self) -> None:
        """Take nothing in any more; what waits for room or for frames goes on."""
        self._ended = True
        self._emptied.set()
        self._filled.set()

    def _append(self, frame: bytes) -> None:
        if not self._ended:
            self._frames.append(frame)
            self._filled.set()

    async def take(self) -> tuple[bytes, bool]:
        """Wait for frames and take all of them; and whether they are the last."""
        await self._filled.wait()
        taken = b"".join((*self._pongs, *self._frames))
        self._pongs.clear()
        self._frames.clear()
        self._filled = trio.Event()
        self._emptied.set()
        return taken, self._ended
