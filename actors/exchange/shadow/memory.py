"""Keeps what the shadow found in a file, so that the report survives a restart.

Kept are the listed orders and trades and the counts of what was left out. Lost are the
trades that are open when the process ends: the paper side of them lives in memory only.
"""

from pathlib import Path

import msgspec
import trio

from actors.domain.shown.divergence import OrderDivergence, TradeDivergence

_encode = msgspec.json.Encoder().encode


class Rows(msgspec.Struct, frozen=True):
    """What is kept, oldest first."""

    orders: tuple[OrderDivergence, ...] = ()
    trades: tuple[TradeDivergence, ...] = ()
    uncompared: dict[str, int] = {}


class Memory:
    """The file; without one nothing is kept."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._kept = Rows()

    def recall(self) -> Rows:
        """Read what was kept. Raises OSError or MsgspecError: it cannot be read."""
        if self._path is not None and self._path.exists():
            self._kept = msgspec.json.decode(self._path.read_bytes(), type=Rows)
        return self._kept

    async def keep(self, rows: Rows) -> None:
        """Write it if it is news, in a thread; OSError: it cannot be written."""
        if self._path is None or rows == self._kept:
            return
        self._kept = rows  # not tried again before there is more to keep
        await trio.to_thread.run_sync(_write, self._path, _encode(rows))


def _write(path: Path, content: bytes) -> None:
    """Replace the file as a whole: who reads it finds the old one or the new one."""
    new = path.with_suffix(".new")
    new.write_bytes(content)
    new.replace(path)
