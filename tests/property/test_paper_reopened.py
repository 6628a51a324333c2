"""Random orders over random bars at a paper exchange whose process dies at any moment.

The file as it stands at that moment is copied, as a killed process would leave it, and
an exchange opened on the copy goes on. Its twin was never closed; when the one dies,
the other's trader only falls silent until the bar is over. Both must have lived the
same.
"""

import math
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.domain.orders import ExchangePosition, Fill, OrderUpdate
from actors.exchange.paper.account import PaperState
from actors.exchange.paper.exchange import PaperExchange
from actors.exchange.paper.store import AccountIdentity, PaperStore
from actors.runtime.clock import MarketClock
from tests.property.test_paper_invariants import (
    DEPOSIT,
    MARKETS,
    SETTINGS,
    World,
    actions,
    steps,
)
from tests.unit.paper_desk import MINUTE, bar

IDENTITY = AccountIdentity("e", "m", None, MINUTE, "2 symbols")

#: Which step is cut, and after how many of its events.
cuts = st.dictionaries(st.integers(0, 4), st.integers(0, 9), max_size=3)


class Twin(World):
    """Trades like World, and says nothing more in a bar once it was cut."""

    def __init__(self, todo: list[Any]) -> None:
        super().__init__(todo)
        self.told: list[Any] = []
        self.exchange.connect(self.told.append)

    async def die(self) -> None:
        """Nothing happens to the one that is never closed."""

    async def live(self, step: dict[str, Any], events_max: int | None) -> None:
        for _ in range(3):
            await self.act()
        close_ms = (self.clock.now_ms() // MINUTE + 1) * MINUTE
        self.lay_out(step, close_ms)
        events = 0
        while events != events_max and await self.exchange.play(close_ms):
            events += 1
            await self.act()
        if events_max is None:
            return
        await self.die()
        if events != events_max or (step and events):
            assert self.lived_ms() >= close_ms, "a bar on file is lived to its end"
        elif self.clock.now_ms() < close_ms and not self.exchange._laid_out:
            self.lay_out(step, close_ms)  # nobody had heard of it
        while await self.exchange.play(close_ms):
            pass

    def lived_ms(self) -> float:
        """The one that is never closed is still on its way."""
        return math.inf

    def lay_out(self, step: dict[str, Any], close_ms: int) -> None:
        for symbol, (shape, volume, context) in step.items():
            row = np.void(bar(shape, volume, **context)[0])
            self.exchange.open_bar(symbol, row, close_ms - MINUTE, close_ms)

    async def act(self) -> None:
        """Do as World does; what the exchange answers is compared at the end."""
        action = self.todo.pop() if self.todo else None
        if isinstance(action, int):
            await self.exchange.cancel("AAA", f"o{action}")
        elif action is not None:
            await self.place(action)


class Mortal(Twin):
    """Its exchange is on a file and dies where the Twin falls silent."""

    def __init__(self, todo: list[Any], folder: Path) -> None:
        super().__init__(todo)
        self.lives = 0
        self.folder = folder
        self.store = PaperStore(self.path)
        self.store.begin(IDENTITY, 1, DEPOSIT)
        self.open()

    def lived_ms(self) -> float:
        return self.exchange.now_ms

    @property
    def path(self) -> Path:
        return self.folder / f"paper-{self.lives}.sqlite"

    def open(self) -> None:
        self.clock = MarketClock()
        self.exchange = PaperExchange(
            list(MARKETS.values()), SETTINGS, self.clock, DEPOSIT, self.store
        )
        self.exchange.connect(self.told.append)

    async def die(self) -> None:
        before = self.path
        self.lives += 1
        for suffix in ("", "-wal"):
            shutil.copy(f"{before}{suffix}", f"{self.path}{suffix}")
        self.store.close()
        self.store = PaperStore(self.path)
        self.open()


Facts = tuple[
    PaperState, tuple[Fill, ...], tuple[ExchangePosition, ...], list[OrderUpdate | None]
]


async def facts(world: Twin) -> Facts:
    exchange = world.exchange
    words = [
        await exchange.fetch_order(request.symbol, client_id)
        for client_id, request in world.witness.requests.items()
    ]
    assert None not in words, "what was taken is known for ever"
    fills = await exchange.fetch_fills(0)
    assert len({fill.trade_id for fill in fills}) == len(fills)
    flows = sum(f.side.sign * f.quantity * f.price + f.fee for f in fills)
    assert exchange.state.cash == DEPOSIT - flows
    ids = [word.exchange_id for word in words if word is not None]
    assert len(set(ids)) == len(ids)
    positions = await exchange.fetch_positions()
    for held in positions:
        mine = [f.side.sign * f.quantity for f in fills if f.symbol == held.symbol]
        assert sum(mine) == held.quantity
    return exchange.state, fills, positions, words


@settings(max_examples=150, deadline=None)
@given(actions, steps, cuts)
async def test_an_exchange_that_dies_at_any_moment_has_lived_the_same(
    todo: list[Any], days: list[dict[str, Any]], dying: dict[int, int]
) -> None:
    with TemporaryDirectory() as folder:
        mortal, twin = Mortal(todo, Path(folder)), Twin(todo)
        for number, step in enumerate(days):
            for world in (mortal, twin):
                await world.live(step, dying.get(number))
            assert await facts(mortal) == await facts(twin)
            assert mortal.clock.now_ms() == twin.clock.now_ms()
            assert await mortal.exchange.fetch_equity() == (
                await twin.exchange.fetch_equity()
            )
        heard, kept = mortal.told, iter(twin.told)
        assert all(update in kept for update in heard), "in order, and nothing else"
        mortal.store.close()
