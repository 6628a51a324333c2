"""A desk at the paper exchange for tests: one instrument, plain bars, all updates."""

from decimal import Decimal
from typing import Any

import numpy as np

from actors.domain.bars import Bars, Instrument, empty_bars
from actors.domain.orders import (
    ExchangeUpdate,
    Fill,
    OrderKind,
    OrderRequest,
    OrderUpdate,
    Outcome,
    Side,
)
from actors.exchange.paper.book import PaperSettings
from actors.exchange.paper.exchange import PaperExchange
from actors.runtime.clock import MarketClock

MINUTE = 60_000
#: A deep, tight, known book: 30 k USD per bps; a hundred trades as a hundred.
QUOTED = {
    "spread_bps": 2.0,
    "bid_depth_03_usd": 900_000.0,
    "ask_depth_03_usd": 900_000.0,
    "bid_depth_05_usd": 1_500_000.0,
    "ask_depth_05_usd": 1_500_000.0,
}


def instrument(symbol: str = "AAA", **changes: Any) -> Instrument:
    base: dict[str, Any] = {
        "symbol": symbol,
        "base": symbol,
        "quote": "USD",
        "tick_size": Decimal("0.01"),
        "lot_size": Decimal("0.001"),
        "quantity_min": Decimal("0.01"),
        "notional_min": Decimal(5),
        "shortable": True,
        "maker_fee_bps": Decimal(2),
        "taker_fee_bps": Decimal(5),
    }
    return Instrument(**(base | changes))


def bar(prices: tuple[float, ...], volume: float = 1e6, **context: float) -> Bars:
    """One bar (open, high, low, close); unnamed context is UNKNOWN."""
    row = empty_bars(1)
    for name, value in zip(("open", "high", "low", "close"), prices, strict=True):
        row[name] = value
    row["volume"] = volume
    for name, value in context.items():
        row[name] = value
    return row


class Desk:
    """Plays bars of a minute each, one after the other, and keeps every update."""

    def __init__(
        self,
        *instruments: Instrument,
        equity: int = 1_000_000,
        settings: PaperSettings | None = None,
    ) -> None:
        self.clock = MarketClock()
        self.updates: list[ExchangeUpdate] = []
        self.exchange = PaperExchange(
            instruments or (instrument(),),
            settings or PaperSettings(),
            self.clock,
            Decimal(equity),
        )
        self.exchange.connect(self.updates.append)
        self._serial = 0

    async def place(
        self, side: Side, quantity: str, kind: OrderKind = OrderKind.MARKET, **more: Any
    ) -> Outcome:
        self._serial += 1
        fields: dict[str, Any] = {
            "client_id": f"o{self._serial}",
            "symbol": "AAA",
        }
        for name in ("limit_price", "stop_price"):
            if name in more:
                more[name] = Decimal(more[name])
        return await self.exchange.place(
            OrderRequest(
                **(fields | more), side=side, kind=kind, quantity=Decimal(quantity)
            )
        )

    def open(
        self, prices: tuple[float, ...], symbol: str = "AAA", **more: float
    ) -> None:
        row = bar(prices, **(QUOTED | more))
        now = self.clock.now_ms()
        self.exchange.open_bar(symbol, np.void(row[0]), now, now + MINUTE)

    def play(self, prices: tuple[float, ...], **more: float) -> None:
        """Lay out a bar of AAA and play it to its close."""
        self.open(prices, **more)
        self.finish()

    def finish(self) -> None:
        while self.exchange._play(0):
            pass

    @property
    def fills(self) -> list[Fill]:
        return [u for u in self.updates if isinstance(u, Fill)]

    def words(self, client_id: str) -> list[str]:
        """The order's updates as words: FILL, then states with their reasons."""
        return [
            f"{u.state}:{u.reason}" if isinstance(u, OrderUpdate) else "fill"
            for u in self.updates
            if u.client_id == client_id
        ]

    @property
    def position(self) -> Decimal:
        held = self.exchange.state.positions.get("AAA")
        return held.quantity if held else Decimal(0)
