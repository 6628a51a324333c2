"""A real exchange with a shadow beside it, on bars of a minute.

The real exchange is a paper exchange too, on the same paths, so that every difference
is one that a test has made: it may fill worse, refuse, lose answers or keep silent.
"""

from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from actors.domain.errors import ExchangeError
from actors.domain.orders import (
    ExchangeUpdate,
    Fill,
    OrderKind,
    OrderRequest,
    Outcome,
    Refused,
    Side,
    Unknown,
)
from actors.exchange.paper.book import PaperSettings
from actors.exchange.port import SimulatedExchange, UpdateSink
from actors.exchange.shadow import Shadowed
from actors.exchange.shadow.double import Double
from actors.runtime.clock import MarketClock
from tests.unit.paper_desk import MINUTE, QUOTED, bar, instrument

SYMBOLS = ("AAA", "BBB")
INSTRUMENTS = tuple(instrument(name) for name in SYMBOLS)
START_MS = 1_700_000_040_000
EQUITY = Decimal(1_000_000)

Act = Callable[[], Awaitable[Any]]


class RealOne(Double):
    """The real exchange: paper, with what a test has it do otherwise."""

    worse_bps = Decimal(0)
    later_ms = 0
    more_fee = Decimal(0)
    answers: list[str]  # refused, lost, raised, absent: one for each coming order
    silent = False
    unheard: list[ExchangeUpdate]

    def connect(self, sink: UpdateSink) -> None:
        def told(update: ExchangeUpdate) -> None:
            update = self.worsened(update)
            if self.silent:
                self.unheard.append(update)
            else:
                sink(update)

        super().connect(told)

    def worsened(self, update: ExchangeUpdate) -> ExchangeUpdate:
        if not isinstance(update, Fill):
            return update
        worse = 1 + update.side.sign * self.worse_bps / 10_000
        return msgspec.structs.replace(
            update,
            price=update.price * worse,
            ts_ms=update.ts_ms + self.later_ms,
            fee=update.fee + self.more_fee,
        )

    async def place(self, request: OrderRequest) -> Outcome:
        answer = self.answers.pop(0) if self.answers else "plain"
        if answer == "refused":
            return Refused("not in the mood")
        outcome = (
            Unknown("lost") if answer == "absent" else await super().place(request)
        )
        if answer == "raised":
            msg = "the answer is lost"
            raise ExchangeError(msg)
        return Unknown("lost") if answer == "lost" else outcome


class Rig:
    """Lives bar by bar: first the real exchange, then the feed plays the shadow's."""

    def __init__(self, memory: Path | None = None) -> None:
        self.memory = memory
        self.clock = MarketClock(START_MS)
        self.settings = PaperSettings()
        self.real = RealOne(INSTRUMENTS, self.settings, self.clock, EQUITY)
        self.real.answers, self.real.unheard = [], []
        self.heard: list[ExchangeUpdate] = []
        self.begin()
        self.serial = 0

    def begin(self, *, compares: bool = True) -> None:
        """Start the engine's process: a shadow that knows nothing."""
        self.shadow = Shadowed(
            self.real,
            self.clock,
            INSTRUMENTS,
            self.settings,
            EQUITY,
            self.memory,
            compares=compares,
        )
        port: SimulatedExchange = self.shadow
        port.connect(self.heard.append)

    async def bar(
        self, *prices: float, symbol: str = "AAA", acts: dict[int, Act] | None = None
    ) -> None:
        """Live one minute with `acts` at their ms, then let the feed play it."""
        open_ms = self.clock.now_ms()
        close_ms = open_ms + MINUTE
        row = np.void(bar(prices, **QUOTED)[0])
        self.real.open_bar(symbol, row, open_ms, close_ms)
        for at_ms, act in sorted((acts or {}).items()):
            while self.real.live_to(open_ms + at_ms):
                pass
            await act()
        while await self.real.play(close_ms):
            pass
        for name in self.shadow.active() & {symbol}:
            self.shadow.open_bar(name, row, open_ms, close_ms)
        assert await self.shadow.play(close_ms) is False

    def order(
        self, side: Side, quantity: str = "1", symbol: str = "AAA", **more: Any
    ) -> Act:
        """Make an act: send an order, a MARKET one unless it says more."""
        self.serial += 1
        fields: dict[str, Any] = {"kind": OrderKind.MARKET} | more
        for name in ("limit_price", "stop_price"):
            if name in fields:
                fields[name] = Decimal(fields[name])
        request = OrderRequest(
            client_id=f"o{self.serial}",
            symbol=symbol,
            side=side,
            quantity=Decimal(quantity),
            **fields,
        )
        return lambda: self.shadow.place(request)

    def buy(self, quantity: str = "1", **more: Any) -> Act:
        return self.order(Side.LONG, quantity, **more)

    def sell(self, quantity: str = "1", **more: Any) -> Act:
        return self.order(Side.SHORT, quantity, reduce_only=True, **more)

    def cancel(self, client_id: str) -> Act:
        return lambda: self.shadow.cancel("AAA", client_id)

    async def fetches(self) -> None:
        """Ask the real exchange for its truth, as the engine does through the port."""
        await self.shadow.fetch_fills(0)
        for client_id in tuple(self.shadow._side.orders):
            await self.shadow.fetch_order("AAA", client_id)
        await self.shadow.fetch_positions()
        await self.shadow.fetch_open_orders()

    async def fill_alone(self, client_id: str, price: str) -> None:
        """Let the real exchange fill a resting order where paper would not."""
        request = self.real.state.orders[client_id].request
        self.real.clear(request.symbol)
        self.shadow._told(
            Fill(
                trade_id=f"alone-{client_id}",
                client_id=client_id,
                symbol=request.symbol,
                side=request.side,
                quantity=request.quantity,
                price=Decimal(price),
                fee=Decimal(0),
                maker=False,
                ts_ms=self.clock.now_ms(),
            )
        )
