"""TLS over a stream: whatever has come is read at once, however many records it is.

Exchanges send most messages in a record of their own. trio's SSLStream gives one record
for each call and lets the scheduler run in between, which costs ten times what is done
with the message. This reads all records that are complete before it returns.

There is no goodbye at the end and none is asked for, as with `https_compatible`: the
WebSocket has its own.
"""

import ssl

import trio

RECORD_BYTES_MAX = 16 * 1024


class TlsStream(trio.abc.Stream):
    """The client's side; one task receives, any may send."""

    def __init__(
        self, stream: trio.abc.Stream, context: ssl.SSLContext, host: str
    ) -> None:
        self._stream = stream
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(
            self._incoming, self._outgoing, server_hostname=host
        )
        self._turn = trio.StrictFIFOLock()
        self._ended = False  # the peer sends no more
        self._failure: Exception | None = None  # why nothing can be read or sent

    async def shake_hands(self) -> None:
        """Agree with the peer and check its certificate, before anything else.

        Raises BrokenResourceError, whose cause says what is wrong with it.
        """
        shaken = False
        while not shaken:
            try:
                self._tls.do_handshake()
                shaken = True
            except ssl.SSLWantReadError:
                pass
            except ssl.SSLError as error:
                self._failure = error
            await self._flush()
            if not shaken:
                await self._fill()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Wait for records and open all that came; empty: the peer has ended."""
        while True:
            if self._outgoing.pending:  # TLS itself has something to say
                await self._flush()
            if opened := self._opened():
                return opened
            if self._ended:
                return b""
            await self._fill(max_bytes)

    def _opened(self) -> bytes:
        """Open all records that are complete; what ends them is told after them."""
        records: list[bytes] = []
        while not self._ended and self._failure is None:
            try:
                record = self._tls.read(RECORD_BYTES_MAX)
            except ssl.SSLWantReadError:
                break
            except ssl.SSLEOFError:
                self._ended = True
            except ssl.SSLError as error:
                self._failure = error
            else:
                self._ended = not record
                records.append(record)
        return b"".join(records)

    async def _fill(self, max_bytes: int | None = None) -> None:
        self._check()
        if sealed := await self._stream.receive_some(max_bytes):
            self._incoming.write(sealed)
        else:
            self._incoming.write_eof()

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Seal and send; a send that is cancelled breaks the stream."""
        self._check()
        if data:
            try:
                self._tls.write(data)
            except ssl.SSLError as error:  # or the peer wants new keys, as of old
                self._failure = error
        await self._flush()

    async def _flush(self) -> None:
        """Send what is sealed, in the order in which it was sealed."""
        async with self._turn:
            self._check()
            if sealed := self._outgoing.read():
                try:
                    await self._stream.send_all(sealed)
                except BaseException:
                    msg = "a record was sent in part"
                    self._failure = trio.BrokenResourceError(msg)
                    raise

    def _check(self) -> None:
        if self._failure is not None:
            msg = f"TLS is broken: {self._failure}"
            raise trio.BrokenResourceError(msg) from self._failure

    async def wait_send_all_might_not_block(self) -> None:
        """Wait as the stream below does."""
        await self._stream.wait_send_all_might_not_block()

    async def aclose(self) -> None:
        """Hang up."""
        await self._stream.aclose()
