"""The paper exchange on a recorded market, empty bars and all."""

import os
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from actors.domain.orders import Fill, OrderKind, Side
from tests.unit.paper_desk import MINUTE, Desk, bar, instrument

ROOT = Path(__file__).parents[2]
SHARED = Path(os.environ.get("BREAKOUT_SHARED_DATA", ROOT.parent / "shared" / "data"))
CANDLES = SHARED / "candles" / "hyperliquid_perp_1m.parquet"
SLIPPAGE = Decimal("0.0075")  # the widest half spread and the end of the book


def recorded(rows: int) -> list[Any]:
    """The first rows of the symbol with about as many empty bars as full ones."""
    candles = pl.scan_parquet(CANDLES)
    empty = candles.group_by("symbol").agg(
        (pl.col("volume") == 0).mean().alias("share")
    )
    near_half = (pl.col("share") - 0.5).abs()
    symbol = empty.sort(near_half, "symbol").head(1).collect()["symbol"][0]
    names = ["open", "high", "low", "close", "volume"]
    chosen = candles.filter(pl.col("symbol") == symbol).sort("ts").select(names)
    return chosen.head(rows).collect().rows()


@pytest.mark.data
@pytest.mark.skipif(not CANDLES.exists(), reason="no recorded markets here")
async def test_a_thin_recorded_market_trades_inside_its_own_bars() -> None:
    tick = Decimal("0.000001")
    desk = Desk(instrument(tick_size=tick, notional_min=Decimal(0)))
    bars = recorded(1_500)
    for count, (*shape, volume) in enumerate(bars):
        if count % 25 == 0 and not desk.position:
            price = Decimal(str(shape[3])).quantize(tick)
            stop = (price * Decimal("0.998")).quantize(tick)
            target = (price * Decimal("1.002")).quantize(tick)
            exits = {"reduce_only": True, "expires_ms": desk.clock.now_ms() + 10**7}
            quantity = str((400 / price).quantize(Decimal("0.001")))
            await desk.place(Side.LONG, quantity)
            short, kinds = Side.SHORT, (OrderKind.STOP_MARKET, OrderKind.LIMIT)
            await desk.place(short, quantity, kinds[0], stop_price=stop, **exits)
            await desk.place(short, quantity, kinds[1], limit_price=target, **exits)
        before, now = len(desk.updates), desk.clock.now_ms()
        row = bar(tuple(shape), volume)
        desk.exchange.open_bar("AAA", np.void(row[0]), now, now + MINUTE)
        desk.finish()
        low, high = Decimal(str(shape[2])), Decimal(str(shape[1]))
        for fill in desk.updates[before:]:
            if isinstance(fill, Fill) and fill.maker:
                assert volume > 0
                assert high > fill.price
            elif isinstance(fill, Fill):
                assert low * (1 - SLIPPAGE) - tick <= fill.price
                assert fill.price <= high * (1 + SLIPPAGE) + tick
    assert sum(fill.maker for fill in desk.fills) > 3
    assert sum(not fill.maker for fill in desk.fills) > 10
    flows = sum(f.side.sign * f.quantity * f.price + f.fee for f in desk.fills)
    worth = desk.position * Decimal(str(bars[-1][3]))
    assert await desk.exchange.fetch_equity() == 1_000_000 - flows + worth
