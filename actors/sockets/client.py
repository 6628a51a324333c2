"""The WebSocket itself: one reader, any number of senders, two tasks in the back.

A market's stream is read by whoever wants its messages: `receive` goes from the socket
to the messages without a task or a queue in between, which is most of its speed. In the
back one task writes what is queued, and one keeps watch: it pings, and when the peer
has been silent for too long, or takes nothing any more, it cuts the connection, and
`receive` says why. Time during which nobody calls `receive` is our own silence and is
not held against the peer.

The closing handshake belongs to whoever reads. A close from another task only queues
the goodbye and waits, so that it never takes the answer away from under the reader.
"""

from collections.abc import Callable

import trio

from actors.sockets.errors import (
    ClosedByPeer,
    ClosedByUs,
    ConnectionLost,
    PeerSilent,
    PeerStuck,
    SocketError,
)
from actors.sockets.frames import NO_CODE, FrameReader
from actors.sockets.handshake import Answer
from actors.sockets.outbox import Outbox
from actors.sockets.terms import Terms
from actors.sockets.writing import (
    BINARY,
    CLOSE,
    PING,
    PONG,
    TEXT,
    close_payload,
    frame,
)

Entropy = Callable[[int], bytes]
#: How often the watch looks, where nothing is due earlier.
WATCH_SECONDS = 1.0
CUT = (trio.BrokenResourceError, trio.ClosedResourceError)


class WebSocket:
    """An open connection; made by `actors.sockets.opening`."""

    def __init__(
        self, stream: trio.abc.Stream, answer: Answer, terms: Terms, entropy: Entropy
    ) -> None:
        self.headers = answer.headers
        self.subprotocol = answer.subprotocol
        self.deflated = answer.deflate is not None
        self.heard_seconds = trio.current_time()  # when bytes came last
        self.bytes_received = len(answer.rest)
        self._stream = stream
        self._terms = terms
        self._entropy = entropy
        self._reader = FrameReader(terms.message_bytes_max, answer.deflate)
        self._rest: bytes | None = answer.rest
        self._outbox = Outbox(terms.outbox_messages_max)
        self._failure: SocketError | None = None  # why nothing comes any more
        self._over = trio.Event()  # the stream is cut, or the goodbyes are exchanged
        self._waiting_since: float | None = None  # a receive waits for bytes
        self._goodbye_sent = False

    # --- receiving ------------------------------------------------------------------

    async def receive(self) -> list[bytes]:
        """Return the next messages, all that are complete, at least one.

        Raises the SocketError that ended the connection, again at each call.
        """
        while True:
            if self._failure is not None:
                raise self._failure
            received = await self._bytes()
            reader = self._reader
            messages = reader.feed(received)
            if reader.pings or reader.closed or reader.broken:
                self._answer_controls()
            if messages:
                return messages

    async def _bytes(self) -> bytes | bytearray:
        if self._rest:
            rest, self._rest = self._rest, None
            return rest
        self._waiting_since = trio.current_time()
        try:
            received = await self._stream.receive_some(self._terms.receive_bytes)
        except CUT as error:
            raise self._fail(ConnectionLost("the connection broke")) from error
        finally:
            self._waiting_since = None
        if not received:
            raise self._fail(ConnectionLost("the connection ended without a goodbye"))
        self.heard_seconds = trio.current_time()
        self.bytes_received += len(received)
        return received

    def _answer_controls(self) -> None:
        """Pong what was pinged; answer a goodbye, or a break of the protocol."""
        reader = self._reader
        for payload in reader.pings:
            self._outbox.put_pong(self._frame(PONG, payload))
        reader.pings.clear()
        if reader.closed is not None:
            code, reason = reader.closed
            if self._goodbye_sent:
                self._fail(_closed_by_us())
            else:
                self._say_goodbye(code if code != NO_CODE else 1000, "")
                self._fail(ClosedByPeer(code, reason))
        elif reader.broken is not None:
            self._say_goodbye(getattr(reader.broken, "code", 1002), "")
            self._fail(reader.broken)

    def _fail(self, failure: SocketError) -> SocketError:
        """Note why the connection is over; the first reason stays."""
        if self._failure is None:
            self._failure = failure
        self._over.set()
        self._outbox.end()
        return self._failure

    # --- sending --------------------------------------------------------------------

    async def send_text(self, text: str | bytes) -> None:
        """Queue a text, behind all that was queued before; wait for room if need be."""
        await self._send(TEXT, text.encode() if isinstance(text, str) else text)

    async def send_binary(self, payload: bytes) -> None:
        """Queue a binary message like a text."""
        await self._send(BINARY, payload)

    async def ping(self, payload: bytes = b"") -> None:
        """Queue a ping of your own; the watch sends its own ones."""
        assert len(payload) <= 125, "a ping carries 125 bytes at most"
        await self._send(PING, payload)

    def send_text_now(self, text: str | bytes) -> None:
        """Queue a text without waiting; OutboxFull: there is no room."""
        self._check_open()
        payload = text.encode() if isinstance(text, str) else text
        self._outbox.put_now(self._frame(TEXT, payload))

    async def _send(self, opcode: int, payload: bytes) -> None:
        self._check_open()
        await self._outbox.put(self._frame(opcode, payload))
        self._check_open()

    def _check_open(self) -> None:
        if self._failure is not None:
            raise self._failure
        if self._goodbye_sent:
            raise _closed_by_us()

    def _frame(self, opcode: int, payload: bytes) -> bytes:
        return frame(opcode, payload, self._entropy(4))

    # --- closing --------------------------------------------------------------------

    async def aclose(self, code: int = 1000, reason: str = "") -> None:
        """Say goodbye, wait for the answer as long as the terms allow, hang up.

        Messages that still arrive go to a `receive` that is waiting, else are dropped.
        """
        with trio.move_on_after(self._terms.close_seconds):
            if self._failure is None:
                self._say_goodbye(code, reason)
                await self._until_over()
        await self.cut()

    async def cut(self) -> None:
        """Hang up without a word."""
        self._fail(_closed_by_us())
        await trio.aclose_forcefully(self._stream)

    def _say_goodbye(self, code: int, reason: str) -> None:
        if not self._goodbye_sent:
            self._goodbye_sent = True
            self._outbox.put_last(self._frame(CLOSE, close_payload(code, reason)))

    async def _until_over(self) -> None:
        while not self._over.is_set():
            if self._waiting_since is not None:  # another task reads
                await self._over.wait()
                return
            try:
                await self.receive()
            except SocketError:
                return  # that is what was waited for; `_failure` has it

    # --- in the back ----------------------------------------------------------------

    async def run(self) -> None:
        """Write and watch until the connection is over; started by whoever connects."""
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._watch)
                await self._write()
                # The last frame is out; the reader may be about to hear the answer.
                with trio.move_on_after(self._terms.close_seconds):
                    await self._over.wait()
                nursery.cancel_scope.cancel()
        finally:
            self._fail(ConnectionLost("the goodbye was not answered in time"))
            await trio.aclose_forcefully(self._stream)

    async def _write(self) -> None:
        last = False
        while not last:
            frames, last = await self._outbox.take()
            with trio.move_on_after(self._terms.send_seconds) as patience:
                try:
                    await self._stream.send_all(frames)
                except CUT:
                    # The reader meets the same end, and may know better why.
                    with trio.move_on_after(self._terms.close_seconds):
                        await self._over.wait()
                    self._fail(ConnectionLost("the connection broke"))
                    return
            if patience.cancelled_caught:
                seconds = self._terms.send_seconds
                self._fail(PeerStuck(f"the peer took nothing for {seconds} s"))
                return

    async def _watch(self) -> None:
        """Ping when it is time, and cut the connection when the peer is silent."""
        terms = self._terms
        pinged: float | None = None  # when a ping went that nothing came after
        next_ping = trio.current_time() + (terms.ping_seconds or 0.0)
        while not self._over.is_set():
            await trio.sleep(self._watch_seconds())
            now = trio.current_time()
            silent = self._silent_seconds(now)
            if pinged is not None and self.heard_seconds > pinged:
                pinged = None
            if self._too_silent(silent, now, pinged):
                self._fail(PeerSilent(f"the peer said nothing for {silent:.1f} s"))
                await trio.aclose_forcefully(self._stream)
                return
            if terms.ping_seconds is not None and now >= next_ping:
                next_ping = now + terms.ping_seconds
                pinged = pinged if pinged is not None else now
                self._ping()

    def _watch_seconds(self) -> float:
        terms = self._terms
        known = (terms.ping_seconds, terms.pong_seconds, terms.silence_seconds)
        return min(WATCH_SECONDS, *(s / 4 for s in known if s is not None))

    def _silent_seconds(self, now: float) -> float:
        """Say how long a waiting reader has heard nothing."""
        if self._waiting_since is None:
            return 0.0
        return now - max(self.heard_seconds, self._waiting_since)

    def _too_silent(self, silent: float, now: float, pinged: float | None) -> bool:
        limit = self._terms.silence_seconds
        if limit is not None and silent >= limit:
            return True
        patience = self._terms.pong_seconds
        return pinged is not None and min(silent, now - pinged) >= patience

    def _ping(self) -> None:
        text = self._terms.ping_text
        payload = self._frame(PING, b"") if text is None else self._frame(TEXT, text)
        if not self._goodbye_sent:
            self._outbox.put_pong(payload)


def _closed_by_us() -> ClosedByUs:
    return ClosedByUs("the socket was closed by its owner")
