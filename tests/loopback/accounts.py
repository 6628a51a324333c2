"""A live account at a loopback exchange, and what it was told."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import msgspec
import pytest
import trio

from actors.domain.bars import Instrument
from actors.domain.orders import (
    ExchangeUpdate,
    Fill,
    OrderKind,
    OrderRequest,
    OrderState,
    OrderUpdate,
    Side,
)
from actors.exchange.live import (
    LiveAccount,
    LivePlan,
    open_live_account,
)
from actors.exchange.live.binance_words import trade_name
from actors.loopback.accounts.order import Conditional
from actors.loopback.floor.pit import Pit, Venue
from config.secrets import Secret
from tests.loopback.client import PATIENCE_SECONDS, Client

SYMBOL, OTHER = "BTC/USDT:USDT", "ETH/USDT:USDT"
SIZE = Decimal("0.02")


class WAY:
    """How accounts are opened: on the exchange's own endpoints or by unified calls."""

    unified = False


@pytest.fixture(params=[False, True], ids=["own", "unified"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have each test of a module trade on both ways."""
    monkeypatch.setattr(WAY, "unified", request.param)


def instruments(client: Client, venue: Venue = Venue.USDM) -> tuple[Instrument, ...]:
    """The exchange's instruments under the engine's names."""
    settle = ":USDT" if venue is Venue.USDM else ""
    return tuple(
        msgspec.structs.replace(
            one,
            symbol=f"{one.base}/{one.quote}{settle}",
            shortable=venue is Venue.USDM,
            lot_size=client.exchange.pits[venue, f"{one.base}{one.quote}"].grid.step,
        )
        for one in client.exchange.play.instruments
    )


def plan_for(client: Client, venue: Venue = Venue.USDM, **chosen: Any) -> LivePlan:
    host = f"127.0.0.1:{client.port}"
    given: dict[str, Any] = {
        "exchange": "binance" if venue is Venue.SPOT else "binanceusdm",
        "key": Secret("loopback-key"),
        "secret": Secret("loopback-secret"),
        "instruments": instruments(client, venue),
        "now_ms": client.exchange.clock.now_ms,
        "leverage": 5,
        "ask_seconds": 0.0,  # once: a test sees what one answer does
        "rest_url": f"http://{host}",
        "stream_url": f"ws://{host}",
        "unified": WAY.unified and venue is Venue.USDM,
    }
    return LivePlan(**(given | chosen))


class Trader:
    """Whoever trades: the account, what it was told, and how to write a request."""

    def __init__(self, client: Client, account: LiveAccount, venue: Venue) -> None:
        self.client, self.account, self.venue = client, account, venue
        self.symbol = SYMBOL if venue is Venue.USDM else SYMBOL.partition(":")[0]
        self.told: list[ExchangeUpdate] = []
        self._came = trio.Event()
        account.connect(self._take)

    def _take(self, update: ExchangeUpdate) -> None:
        self.told.append(update)
        came, self._came = self._came, trio.Event()
        came.set()

    @property
    def pit(self) -> Pit:
        return self.client.exchange.pits[self.venue, "BTCUSDT"]

    def price(self, side: Side, ticks: int) -> Decimal:
        """So many ticks from the best price on the side where `side` would rest."""
        best = self.pit.book.half(side.sign).best
        assert best is not None
        return self.pit.grid.price(best + ticks)

    def request(
        self,
        client_id: str,
        side: Side = Side.LONG,
        kind: OrderKind = OrderKind.MARKET,
        **more: Any,
    ) -> OrderRequest:
        given = {"symbol": self.symbol, "quantity": SIZE} | more
        return OrderRequest(client_id=client_id, side=side, kind=kind, **given)

    def stop(self, client_id: str, ticks: int = -100, **more: Any) -> OrderRequest:
        """A stop that sells, so many ticks from the last price."""
        trigger = self.pit.grid.price(self.pit.tape.last + ticks)
        given = {"stop_price": trigger, "reduce_only": True} | more
        return self.request(client_id, Side.SHORT, OrderKind.STOP_MARKET, **given)

    def reach(self, ticks: int) -> None:
        """Print a trade at a price, as a market that came there would."""
        pit = self.pit
        made = pit.tape.trade(self.client.exchange.now_ms(), ticks, 1, sold=True)
        pit.span = (made.ticks, made.ticks)
        self.client.exchange.settle(pit)

    def estrange(self) -> Conditional:
        """Have the one stop become an order with a name of the exchange's own."""
        exchange = self.client.exchange
        (stop,) = exchange.stops.all.values()
        own, told = stop.client_id, exchange.tell_conditional

        def telling(one: Conditional) -> None:
            stop.client_id = own
            told(one)
            stop.client_id = "exchange-s-own"

        exchange.tell_conditional = telling
        stop.client_id = "exchange-s-own"
        self.reach(stop.trigger)
        stop.client_id, exchange.tell_conditional = own, told
        assert stop.order is not None
        assert stop.order.client_id == "exchange-s-own"
        return stop

    async def until(self, fine: Callable[[], bool]) -> None:
        """Wait until what was told makes this true."""
        with trio.fail_after(PATIENCE_SECONDS):
            while not fine():
                await self._came.wait()

    async def ended(self, client_id: str) -> OrderUpdate:
        """Wait for the word that an order has ended."""
        over = {OrderState.FILLED, OrderState.CANCELLED}
        await self.until(
            lambda: any(one.state in over for one in self.words(client_id))
        )
        return next(one for one in self.words(client_id) if one.state in over)

    def words(self, client_id: str) -> list[OrderUpdate]:
        return [
            one
            for one in self.told
            if isinstance(one, OrderUpdate) and one.client_id == client_id
        ]

    def fills(self, client_id: str) -> list[Fill]:
        return [
            one
            for one in self.told
            if isinstance(one, Fill) and one.client_id == client_id
        ]

    def told_trades(self) -> list[str]:
        """Every trade that was told, by its name."""
        return sorted(one.trade_id for one in self.told if isinstance(one, Fill))

    async def true_trades(self) -> list[str]:
        """Every trade that there was."""
        key = "buyer" if self.venue is Venue.USDM else "isBuyer"
        return sorted(
            trade_name(one["symbol"], one["id"], buyer=one[key])
            for one in (await self.truth())["fills"]
        )

    @property
    def lately(self) -> int:
        """An hour ago, before anything was traded."""
        return self.client.exchange.now_ms() - 3_600_000

    async def fault(self, name: str, **how: Any) -> None:
        """Switch a fault on."""
        await self.client.sim("POST", "faults", {name: how})

    async def truth(self) -> Any:
        return (await self.client.sim("GET", "truth"))[self.venue.value]


@asynccontextmanager
async def trading(
    client: Client, venue: Venue = Venue.USDM, *, stream: bool = True, **chosen: Any
) -> AsyncIterator[Trader]:
    """Open, prepare and run an account."""
    async with open_live_account(plan_for(client, venue, **chosen)) as account:
        await account.prepare()
        trader = Trader(client, account, venue)
        async with trio.open_nursery() as nursery:
            if stream:
                with trio.fail_after(PATIENCE_SECONDS):
                    await nursery.start(account.run)
            yield trader
            nursery.cancel_scope.cancel()
