"""One symbol's pages on disk: each is there whole, or it is not there.

A page is a line: the checksum of what follows, and that as JSON. It is written out to
the disk before the next is asked for. Whatever ends the process, at most the last line
is torn; it and whatever follows a line that is damaged is cut off and fetched again.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from zlib import crc32

import msgspec

from actors.market.download.plan import Span

Row = tuple[
    int, float, float, float, float, float
]  # ts, open, high, low, close, volume


class Page(msgspec.Struct, frozen=True):
    """What an exchange answered for one page."""

    start_ms: int
    stop_ms: int
    rows: tuple[Row, ...]
    damaged: tuple[int, ...] = ()  # open times of rows that are no candle

    @property
    def span(self) -> Span:
        """Which page it is."""
        return self.start_ms, self.stop_ms


_read = msgspec.json.Decoder(Page).decode


class PageLog:
    """The pages of one symbol."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def repair(self) -> set[Span]:
        """Cut off what is torn; returns the pages that are there."""
        if not self.path.exists():
            return set()
        found, sound = set(), 0
        for page, stop in self._scan():
            found.add(page.span)
            sound = stop
        if sound < self.path.stat().st_size:
            with self.path.open("r+b") as file:
                file.truncate(sound)
                os.fsync(file.fileno())
        return found

    def pages(self) -> Iterator[Page]:
        """Give every page that is there."""
        return (page for page, _ in self._scan()) if self.path.exists() else iter(())

    def append(self, page: Page) -> None:
        """Add a page; it is on the disk when this returns."""
        body = msgspec.json.encode(page)
        with self.path.open("ab") as file:
            file.write(b"%08x %b\n" % (crc32(body), body))
            file.flush()
            os.fsync(file.fileno())

    def _scan(self) -> Iterator[tuple[Page, int]]:
        """Give each sound page, and where its line ends; stop at the first other."""
        stop = 0
        with self.path.open("rb") as file:
            for line in file:
                stop += len(line)
                mark, _, body = line.partition(b" ")
                if not body.endswith(b"\n") or mark != b"%08x" % crc32(body[:-1]):
                    return
                yield _read(body), stop
