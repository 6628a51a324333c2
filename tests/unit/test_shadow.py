"""The shadow account: what it says of a real exchange that is like paper, or is not."""

from decimal import Decimal

import pytest

from actors.domain.errors import ExchangeError
from actors.domain.orders import Fill, OrderKind, Refused
from actors.exchange.shadow.comparison import spread
from tests.unit.shadow_rig import START_MS, Rig

UP = (100.0, 104.0, 99.0, 103.0)  # its low comes first
FLAT = (103.0, 103.0, 103.0, 103.0)


async def round_trip(rig: Rig) -> None:
    """Buy and sell one, in two bars."""
    await rig.bar(*UP, acts={20_000: rig.buy()})
    await rig.bar(103.0, 105.0, 102.0, 104.0, acts={30_000: rig.sell()})


async def test_a_real_exchange_that_is_paper_diverges_in_nothing() -> None:
    rig = Rig()
    stop = {"kind": OrderKind.STOP_MARKET, "stop_price": "98"}
    limit = {"kind": OrderKind.LIMIT, "limit_price": "101"}
    await rig.bar(*UP, acts={1_000: rig.buy("2000"), 30_000: rig.sell("2000", **stop)})
    await rig.bar(103.0, 103.5, 99.0, 100.0, acts={10_000: rig.buy("5", **limit)})
    await rig.bar(100.0, 100.5, 99.5, 100.0, acts={5_000: rig.sell("2005")})
    await rig.bar(100.0, 101.0, 99.0, 100.0, acts={30_000: rig.cancel("o2")})
    found = rig.shadow.divergence()
    assert [row.client_order_id for row in found.orders] == ["o4", "o3", "o2", "o1"]
    for row in found.orders:
        assert row.real == row.paper
        assert row.slippage_bps in {0.0, None}
        assert row.first_fill_ms in {0, None}
        assert row.fee == 0
    (trade,) = found.trades
    assert trade.real_usd == trade.paper_usd != 0
    assert trade.difference_usd == trade.left_quantity == 0
    assert trade.orders == 4
    assert found.totals.real_fill_rate == found.totals.paper_fill_rate == 1.0
    assert found.totals.slippage.n == 3
    assert found.totals.slippage.mean_bps == 0.0
    assert found.totals.asked == 3, "a stop that nobody touched asked for nothing"
    assert (found.faults, found.uncompared) == (0, {})


async def test_worse_real_fills_show_with_their_sign_and_size() -> None:
    rig = Rig()
    rig.real.worse_bps, rig.real.later_ms = Decimal(10), 250
    rig.real.more_fee = Decimal("0.5")
    await round_trip(rig)
    found = rig.shadow.divergence()
    assert len(found.orders) == 2
    for row in found.orders:  # a buy that was dearer, a sale that was cheaper
        assert row.slippage_bps == pytest.approx(10.0)
        assert row.first_fill_ms == 250
        assert row.fee == Decimal("0.5")
    (trade,) = found.trades
    bought, sold = (row.paper.price for row in reversed(found.orders))
    assert bought is not None
    assert sold is not None
    assert trade.difference_usd == -(bought + sold) / 1_000 - 1
    assert found.totals.difference_usd == trade.difference_usd
    spread = found.totals.slippage
    assert (spread.n, spread.mean_bps) == (2, pytest.approx(10.0))
    assert (spread.median_bps, spread.p95_bps) == (pytest.approx(10.0),) * 2


async def test_better_real_fills_have_the_other_sign() -> None:
    rig = Rig()
    rig.real.worse_bps = Decimal(-10)
    await round_trip(rig)
    found = rig.shadow.divergence()
    assert [row.slippage_bps for row in found.orders] == [pytest.approx(-10.0)] * 2
    assert found.trades[0].difference_usd > 0


async def test_an_order_of_mid_bar_meets_the_later_part_of_the_path_only() -> None:
    """The low of UP comes first: a bid that is sent after it is not filled by it."""
    rig = Rig()
    bid = {"kind": OrderKind.LIMIT, "limit_price": "99.5"}
    early, late = rig.buy(**bid), rig.buy(**bid)
    await rig.bar(*UP, acts={100: early, 30_000: late})
    first, second = rig.shadow._comparison.pairs.values()
    assert (first.paper.filled, second.paper.filled) == (1, 0)
    assert first.paper.first_ms is not None
    assert START_MS < first.paper.first_ms < START_MS + 30_000


async def test_a_market_order_is_priced_at_the_moment_it_was_sent() -> None:
    rig = Rig()
    await rig.bar(*UP, acts={50_000: rig.buy()})
    (pair,) = rig.shadow._comparison.pairs.values()
    assert pair.paper.price is not None
    assert pair.paper.price > Decimal(103), "near the high, not at the open"
    assert pair.paper.first_ms == START_MS + 50_000 + rig.settings.latency_ms


async def test_a_refused_order_is_none_in_the_shadow() -> None:
    rig = Rig()
    rig.real.answers = ["refused"]
    await rig.bar(*UP, acts={20_000: rig.buy()})
    await rig.bar(*FLAT)
    found = rig.shadow.divergence()
    assert (found.orders, found.trades, found.uncompared) == ((), (), {})
    assert rig.shadow.active() == frozenset()


@pytest.mark.parametrize("answer", ["lost", "raised"])
async def test_an_unknown_order_is_placed_when_a_fill_resolves_it(answer: str) -> None:
    rig = Rig()
    rig.real.answers = [answer]
    buy = rig.buy()

    async def send() -> None:
        if answer == "raised":
            with pytest.raises(ExchangeError, match="lost"):
                await buy()
        else:
            await buy()

    await rig.bar(*UP, acts={20_000: send})
    await rig.bar(*FLAT, acts={30_000: rig.sell()})
    await rig.bar(*FLAT)
    (trade,) = rig.shadow.divergence().trades
    assert trade.orders == 2
    assert trade.difference_usd == 0


async def test_an_unknown_order_that_never_came_ends_its_trade_alone() -> None:
    rig = Rig()
    rig.real.answers = ["absent"]
    await rig.bar(*UP, acts={20_000: rig.buy()})
    await rig.bar(*FLAT)
    assert rig.shadow.active() == frozenset()
    await round_trip(rig)
    await rig.bar(*FLAT)
    found = rig.shadow.divergence()
    (reason,) = found.uncompared
    assert "nobody knew" in reason
    assert len(found.trades) == 1


async def test_an_unknown_order_is_resolved_by_a_fetch_and_later_by_its_fills() -> None:
    """Too late for its bar: the trade is left out, and what is held is still known."""
    rig = Rig()
    rig.real.answers, rig.real.silent = ["lost"], True
    await rig.bar(*UP, acts={20_000: rig.buy()})
    assert rig.shadow.held() == frozenset()
    rig.real.silent = False
    for update in rig.real.unheard:
        rig.shadow._told(update)
    assert rig.shadow.held() == {"AAA"}
    await rig.bar(*FLAT, acts={30_000: rig.sell()})
    await rig.bar(*FLAT)
    found = rig.shadow.divergence()
    assert sum(found.uncompared.values()) == 1
    assert found.trades == ()
    await round_trip(rig)
    await rig.bar(*FLAT)
    assert len(rig.shadow.divergence().trades) == 1


async def test_missed_fills_are_taken_from_a_fetch_once() -> None:
    rig = Rig()
    rig.real.silent = True
    await rig.bar(*UP, acts={20_000: rig.buy(), 40_000: rig.fetches})
    rig.real.silent = False
    for _ in range(2):
        await rig.fetches()
    assert rig.shadow._side.positions == {"AAA": Decimal(1)}
    await rig.bar(*FLAT, acts={30_000: rig.sell()})
    await rig.bar(*FLAT)
    (trade,) = rig.shadow.divergence().trades
    assert trade.difference_usd == 0


async def test_what_paper_holds_when_real_is_flat_is_closed_out() -> None:
    """A real stop that did not wait for the path: paper is left with the position."""
    rig = Rig()
    stop = rig.sell("2", kind=OrderKind.STOP_MARKET, stop_price="98")
    await rig.bar(*UP, acts={20_000: rig.buy("2"), 21_000: stop})
    await rig.bar(*FLAT, acts={30_000: lambda: rig.fill_alone("o1", "101")})
    await rig.bar(*FLAT)
    (trade,) = rig.shadow.divergence().trades
    assert trade.left_quantity == 2
    bought = rig.heard[0]
    assert isinstance(bought, Fill)
    assert trade.paper_usd == 2 * (Decimal(103) - bought.price) - bought.fee
    assert trade.real_usd == 2 * (Decimal(101) - bought.price) - bought.fee
    assert rig.shadow.active() == frozenset(), "the shadow began anew"
    await round_trip(rig)
    await rig.bar(*FLAT)
    assert rig.shadow.divergence().trades[0].difference_usd == 0


async def test_an_order_that_paper_alone_refuses_is_told_so() -> None:
    rig = Rig()
    rig.shadow._replay._double.state.cash = Decimal(1)
    await round_trip(rig)
    await rig.bar(*FLAT)
    row = rig.shadow.divergence().orders[-1]
    assert row.paper.ended.startswith("refused: margin")
    assert (row.real.filled_share, row.paper.filled_share) == (1.0, 0.0)
    assert rig.shadow.divergence().totals.paper_fill_rate == 0.0


async def test_an_entry_that_the_real_exchange_gives_up_ends_on_paper_too() -> None:
    rig = Rig()
    bid = {"kind": OrderKind.LIMIT, "limit_price": "101"}

    async def by_hand() -> None:
        await rig.real.cancel("AAA", "o1")

    await rig.bar(*FLAT, acts={10_000: rig.buy(**bid), 30_000: by_hand})
    await rig.bar(103.0, 103.5, 100.0, 102.0)
    (row,) = rig.shadow.divergence().orders
    assert (row.real.filled_share, row.paper.filled_share) == (0.0, 0.0)
    assert row.paper.ended == "user"
    assert rig.shadow.divergence().trades == ()


async def test_two_trades_of_one_bar_are_two() -> None:
    rig = Rig()
    acts = {5_000: rig.buy(), 15_000: rig.sell(), 25_000: rig.buy(), 35_000: rig.sell()}
    await rig.bar(*UP, acts=acts)
    await rig.bar(*FLAT)
    found = rig.shadow.divergence()
    assert [(t.orders, t.difference_usd) for t in found.trades] == [(2, 0), (2, 0)]
    assert found.trades[0].opened_ms == START_MS + 25_000


async def test_the_shadow_of_a_refusal_says_what_the_real_one_said() -> None:
    rig = Rig()
    answers = []

    async def cancel() -> None:
        answers.append(await rig.shadow.cancel("AAA", "nobody"))

    await rig.bar(*UP, acts={10: cancel})
    (answer,) = answers
    assert isinstance(answer, Refused)


async def test_the_next_order_settles_the_trade_before_it() -> None:
    """In one bar: paper is still long when the real side has begun anew."""
    rig = Rig()
    stop = rig.sell("2", kind=OrderKind.STOP_MARKET, stop_price="98")
    acts = {
        5_000: rig.buy("2"),
        6_000: stop,
        10_000: lambda: rig.fill_alone("o1", "101"),
        20_000: rig.buy(),
    }
    await rig.bar(*UP, acts=acts)
    await rig.bar(*FLAT, acts={10_000: rig.sell()})
    await rig.bar(*FLAT)
    second, first = rig.shadow.divergence().trades
    assert (first.orders, first.left_quantity) == (2, 2)
    assert (second.orders, second.left_quantity, second.difference_usd) == (2, 0, 0)


def test_the_percentile_is_of_the_worst_orders() -> None:
    found = spread([float(bps) for bps in range(100, 0, -1)])
    assert found.n == 100
    assert (found.mean_bps, found.median_bps, found.p95_bps) == (50.5, 50.5, 95.0)
    assert spread([]).p95_bps is None
