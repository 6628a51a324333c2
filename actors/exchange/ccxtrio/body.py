"""Reads the body of an answer whole, unzipped, and within a bound.

The bytes are unzipped here and not in httpx: a few kilobytes may unzip to more than the
memory has. Whatever goes wrong, the iterator of the raw bytes is brought to its end;
left alone, its async generators would be closed by the garbage collector.
"""

import zlib
from collections.abc import AsyncIterator

import httpx

ANSWER_BYTES_MAX = 64 * 1024 * 1024
GZIP, ZLIB, RAW = 31, 15, -15  # zlib's window bits
DEFLATED = 8  # the low half of the first byte, where deflate comes with zlib's head


class Unzipping:
    """Takes the raw bytes of a body; `whole` is what they mean."""

    def __init__(self, encoding: str) -> None:
        self.whole = bytearray()
        self._encoding = encoding.strip().lower()
        self._inflater: zlib._Decompress | None = None
        if self._encoding not in {"", "identity", "gzip", "x-gzip", "deflate"}:
            msg = f"the answer is encoded as {encoding!r}, which was not asked for"
            raise httpx.DecodingError(msg)

    def feed(self, chunk: bytes) -> None:
        """Take more bytes; DecodingError: they are broken, or too many."""
        if self._encoding in {"", "identity"}:
            self.whole += chunk
        elif chunk:
            self.whole += self._inflated(chunk)
        if len(self.whole) > ANSWER_BYTES_MAX:
            msg = f"the answer is longer than {ANSWER_BYTES_MAX} bytes"
            raise httpx.DecodingError(msg)

    def _inflated(self, chunk: bytes) -> bytes:
        if self._inflater is None:
            bits = GZIP
            if self._encoding == "deflate":
                bits = ZLIB if chunk[0] & 15 == DEFLATED else RAW
            self._inflater = zlib.decompressobj(bits)
        room = ANSWER_BYTES_MAX + 1 - len(self.whole)
        try:
            return self._inflater.decompress(chunk, room)
        except zlib.error as error:
            msg = f"the answer is no {self._encoding}: {error}"
            raise httpx.DecodingError(msg) from error


async def read(response: httpx.Response) -> bytes:
    """Read all of it and close the response."""
    chunks = response.aiter_raw()
    try:
        unzipping = Unzipping(response.headers.get("Content-Encoding", ""))
        async for chunk in chunks:
            unzipping.feed(chunk)
    except httpx.DecodingError:
        await response.aclose()
        await _end(chunks)
        raise
    await response.aclose()
    return bytes(unzipping.whole)


async def _end(chunks: AsyncIterator[bytes]) -> None:
    """Bring an iterator to its end whose connection is closed."""
    try:
        async for _ in chunks:
            pass
    except httpx.HTTPError:
        return  # "closed": that is the end
