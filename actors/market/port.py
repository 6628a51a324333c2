"""The market's door: open a recording or the demo, and take its blocks of bars."""

from pathlib import Path

from actors.domain.errors import MarketDataError
from actors.market.blocks import Block, Market, RealTimeMarket, Step, steps
from actors.market.history import History
from actors.market.synthetic import Demo

__all__ = [
    "Block",
    "History",
    "Market",
    "RealTimeMarket",
    "Step",
    "open_market",
    "steps",
]


def open_market(
    spec: str, *, symbols: int | tuple[str, ...] | None, seed: int
) -> Market:
    """Open `demo` or `replay:PATH` (a .parquet or .csv file, or a folder of them).

    `symbols` limits the market to so many of its symbols, or to those named; None
    leaves a recording whole. `seed` chooses the demo's market; a recording has none.
    Raises MarketDataError for anything else and for unusable data.
    """
    if spec == "demo":
        return Demo(symbols=symbols, seed=seed)
    kind, _, path = spec.partition(":")
    if kind == "replay" and path:
        from actors.market.replay import Replay  # noqa: PLC0415 - it loads polars

        return Replay(Path(path), symbols=symbols)
    msg = (
        f"{spec!r} is no market; allowed are demo and replay:PATH, "
        "where PATH is a .parquet or .csv file or a folder of them"
    )
    raise MarketDataError(msg)
