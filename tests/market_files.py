"""Small recordings for tests: whole ones, and broken ones."""

from pathlib import Path

import numpy as np
import polars as pl

from actors.domain.bars import PRICE_COLUMNS
from actors.market.blocks import Block

MINUTE = 60_000
START = 1_735_689_600_000  # 2025-01-01T00:00Z
HEADER = "ts,symbol,open,high,low,close,volume"

Row = tuple[object, ...]


def rows(
    symbol: str = "BTC/USDT", count: int = 5, *, close: float = 100.0, first: int = 0
) -> list[Row]:
    """Make `count` whole one-minute bars from minute `first` on."""
    return [
        (START + at * MINUTE, symbol, close, close + 1.5, close - 1.25, close + 1, 2.5)
        for at in range(first, first + count)
    ]


def changed(row: Row, **cells: object) -> Row:
    """Copy a row with some cells replaced, by column name."""
    names = HEADER.split(",")
    return tuple(cells.get(name, cell) for name, cell in zip(names, row, strict=True))


def write_csv(path: Path, lines: list[Row], *, header: str = HEADER) -> Path:
    """Write rows as text, cell by cell, so that a broken cell stays broken."""
    text = [header, *(",".join(str(cell) for cell in line) for line in lines)]
    path.write_text("\n".join(text) + "\n")
    return path


def write_parquet(path: Path, lines: list[Row], *, header: str = HEADER) -> Path:
    """Write rows as parquet."""
    names = header.split(",")
    columns = zip(*lines, strict=True)
    pl.DataFrame(dict(zip(names, columns, strict=True)), strict=False).write_parquet(
        path
    )
    return path


def joined(blocks: list[Block], index: int) -> np.ndarray:
    """One instrument's bars over all blocks."""
    return np.concatenate([block.bars[index] for block in blocks])


def values(bars: np.ndarray) -> list[Row]:
    """A bar array's ts and prices, as rows without the symbol."""
    return list(
        zip(*(bars[name].tolist() for name in ("ts", *PRICE_COLUMNS)), strict=True)
    )
