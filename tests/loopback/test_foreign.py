"""A market through ccxt is the market that hot streams show: the same minutes."""

import math
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import numpy as np
import pytest
import trio
from rich.console import Console

from actors.clockguard import ClockVerdict
from actors.domain.bars import PRICE_COLUMNS, Bars
from actors.domain.errors import MarketDataError
from actors.domain.freshness import Health
from actors.exchange.ccxtrio import Kind
from actors.exchange.gate import beside_ccxt
from actors.market.blocks import Block
from actors.market.live.exchanges import DIALECTS
from actors.market.live.foreign import foreign
from actors.market.live.market import LiveMarket
from actors.market.live.opening import Plan, Way, open_live
from actors.market.live.rest import public_rest
from config.settings import FeedGroup, MarketGroup, Settings, StreamGroup
from control.shell.foreign import joined
from control.shell.opened import opened_market
from tests.gates import Gated
from tests.loopback.client import PATIENCE_SECONDS, Client, exchange

MINUTE_MS = 60_000
#: The hour jumps here, so nothing is asked to be young.
BUDGETS = FeedGroup(entries_ms_max=60_000, stale_ms_max=70_000, reconnect_ms_max=80_000)
ALL = frozenset(Kind)
BUILT, SEEN = ALL - {Kind.CANDLES}, frozenset({Kind.QUOTES})


def where(client: Client) -> StreamGroup:
    host = f"127.0.0.1:{client.port}"
    return StreamGroup(rest_url=f"http://{host}", stream_url=f"ws://{host}/fstream")


@asynccontextmanager
async def both(
    client: Client, kinds: frozenset[Kind]
) -> AsyncIterator[tuple[LiveMarket, LiveMarket]]:
    """The hot market and the one through ccxt, of the same exchange, running."""
    at, now_ms = where(client), client.exchange.clock.now_ms
    plan = Plan(
        symbols=None,
        history_ms=20 * MINUTE_MS,
        stream_url=at.stream_url,
        depth=False,
        budgets=BUDGETS,
    )
    dialect, gate = DIALECTS["binanceusdm"], Gated().gate
    async with (
        public_rest(dialect, gate, at.rest_url) as rest,
        joined("binanceusdm", at, Gated(beside_ccxt("binanceusdm")).gate) as other,
        trio.open_nursery() as nursery,
    ):
        other.side.kinds &= kinds
        other.channels = type(other)(other.side).channels
        way = Way(dialect=dialect, fetch=rest)
        one = await open_live(way, plan, now_ms, lambda *_: None)
        told = foreign("ccxt-binanceusdm", 1_000)
        way = Way(dialect=told, fetch=other, source=other)
        two = await open_live(way, plan, now_ms, lambda *_: None)
        nursery.start_soon(one.run)
        nursery.start_soon(two.run)
        await trio.sleep(0.5)
        yield one, two
        nursery.cancel_scope.cancel()


async def minutes(client: Client, markets: tuple[LiveMarket, ...]) -> list[list[Bars]]:
    """Live six minutes in small steps; each market's bars of them, by symbol.

    The exchange begins at the second that it is: a seventh minute may end as well.
    """
    found: list[list[Block]] = [[], []]
    iterators = [market.blocks() for market in markets]
    for _ in range(6 * 4 + 1):
        await client.sim("POST", "advance", {"ms": MINUTE_MS // 4})
        await trio.sleep(0.1)
    with trio.fail_after(PATIENCE_SECONDS):
        while min(map(len, found)) < 1 + 6:
            for blocks, more in zip(found, iterators, strict=True):
                blocks.extend(more)
            await trio.sleep(0.05)
    return [
        [np.concatenate(bars) for bars in zip(*(b.bars for b in lived), strict=True)]
        for lived in (blocks[: 1 + 6] for blocks in found)
    ]


@pytest.mark.parametrize(
    ("kinds", "fetched"),
    [(ALL, range(6)), (BUILT, range(2, 10)), (SEEN, [12, 14]), (frozenset(), [12, 14])],
    ids=["streamed", "built", "quotes", "polled"],
)
async def test_a_market_through_ccxt_has_the_minutes_of_the_hot_one(
    kinds: frozenset[Kind], fetched: Sequence[int]
) -> None:
    """Candles as streamed, as built from trades, or as asked for: all are the same.

    Of what is built, the first minute of each symbol is asked for: it had begun.
    """
    async with exchange() as client, both(client, kinds) as markets:
        hot, told = (market.describe() for market in markets)
        symbols = [one.symbol for one in hot.instruments]
        assert [one.symbol for one in told.instruments] == symbols
        for one, two in zip(hot.instruments, told.instruments, strict=True):
            assert (one.tick_size, one.lot_size) == (two.tick_size, two.lot_size)
            assert (one.shortable, one.notional_min) == (
                two.shortable,
                two.notional_min,
            )
        mine, theirs = await minutes(client, markets)
        for one, two in zip(mine, theirs, strict=True):
            assert len(one) == 20 + 6
            for name in ("ts", *PRICE_COLUMNS, "reference_close"):
                assert one[name].tolist() == pytest.approx(two[name].tolist()), name
        assert markets[1].minutes.fetched in fetched
        assert markets[1].minutes.missed == 0
        known = theirs[0][-1]
        assert math.isnan(known["bid_depth_03_usd"]), "no books are kept"
        assert math.isnan(known["spread_bps"]) is (Kind.QUOTES not in kinds)
        assert math.isnan(known["trades_per_minute"]) is (Kind.TRADES not in kinds)
        judged = markets[1].judge(symbols[0], client.exchange.clock.now_ms())
        assert judged.health is Health.FRESH


async def test_a_run_opens_what_is_asked_for_through_ccxt() -> None:
    async with exchange(speed="1") as client:
        settings = Settings(
            market=MarketGroup(spec="exchange:ccxt-binanceusdm", warmup_hours=0.25),
            streams=where(client),
        )
        told = Console(record=True, quiet=True)
        async with opened_market(settings, 1, None, told) as opened:
            assert opened.is_real
            assert opened.history_steps == 15
            assert opened.clock_verdict() is ClockVerdict.GOOD
            described = opened.market.describe()
            assert described.name == "exchange:ccxt-binanceusdm"
            assert [one.symbol for one in described.instruments] == ["BTC/USDT:USDT"]


async def test_an_unknown_exchange_is_refused_with_those_that_are_near() -> None:
    for spec, near in (("exchange:krakn", "kraken"), ("exchange:gate-option", "gate")):
        settings = Settings(market=MarketGroup(spec=spec))
        with pytest.raises(MarketDataError, match=near):
            async with opened_market(settings, 1, None, Console(quiet=True)):
                pass
