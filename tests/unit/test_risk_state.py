"""What the risk actor owns: holdings at their worst, the leading stage, bounds."""

from decimal import Decimal
from typing import Any

import pytest

from actors.domain.limits import Holding, open_day
from actors.domain.orders import OrderKind, OrderRequest, OrderState, Side
from actors.domain.phases import LIVE_ORDER_STATES, Phase, TradePhase
from actors.journal import Kind
from actors.risk.account.book import CLOSED_KEPT, ENDED_KEPT, FOREIGN_KEPT, Book
from actors.risk.account.state import RiskState
from actors.risk.orders.records import ForeignFill, Money, OrderRecord
from tests.presets import breakout_v1, instrument
from tests.trades import OPENED_MS, SYMBOL, running

D = Decimal


def state() -> RiskState:
    book = Book(day=open_day(D(10_000), OPENED_MS), cash=D(10_000))
    return RiskState(book, [instrument(), instrument("BBB/USDT:USDT")])


def order(symbol: str = SYMBOL, side: Side = Side.LONG, **changes: Any) -> OrderRecord:
    """An entry of 10 at 100 in flight: 1003 at its worst, 24.5 at risk."""
    given: dict[str, Any] = {
        "request": OrderRequest(
            "bx1-1", symbol, side, OrderKind.MARKET, D(10), limit_price=D("100.3")
        ),
        "intent": "i-1",
        "correlation": "c-1",
        "purpose": "entry",
        "reason": "momentum",
        "state": OrderState.SENDING,
        "created_ms": OPENED_MS,
        "updated_ms": OPENED_MS,
        "risk_usd": D("24.5"),
        "notional": D(1003),
    }
    return OrderRecord(**(given | changes))


@pytest.mark.parametrize("side", Side)
def test_a_position_is_held_at_its_mark_and_its_stop(side: Side) -> None:
    """Entry 100, stop 2 away, 1.5 in our favour: 3.5 away from the stop now."""
    at = state()
    mark = D(100) + D("1.5") * side.sign
    at.book.positions[SYMBOL] = running(side, mark=mark)
    assert at.holdings() == (
        Holding(SYMBOL, side, 10 * mark, D(20), D(35), f"USDT-{side}"),
    )


@pytest.mark.parametrize("side", Side)
def test_a_stop_beyond_entry_risks_nothing_but_what_was_gained(side: Side) -> None:
    at = state()
    at.book.positions[SYMBOL] = running(
        side, stop=D(100) + side.sign, mark=D(100) + 3 * side.sign
    )
    (held,) = at.holdings()
    assert (held.risk_usd, held.loss_usd) == (0, 20)


def test_a_mark_beyond_the_stop_has_no_more_to_lose() -> None:
    at = state()
    at.book.positions[SYMBOL] = running(mark=D(97))
    assert at.holdings()[0].loss_usd == 0


@pytest.mark.parametrize("live", sorted(LIVE_ORDER_STATES))
def test_an_entry_in_flight_is_held_at_its_worst(live: OrderState) -> None:
    at = state()
    at.book.orders["bx1-1"] = order(state=live)
    assert at.holdings() == (
        Holding(SYMBOL, Side.LONG, D(1003), D("24.5"), D("24.5"), "USDT-long"),
    )


def test_a_partly_filled_entry_is_position_and_order_together_once() -> None:
    """4 of 10 are held; the other 6 may still fill."""
    at = state()
    at.book.positions[SYMBOL] = running(open=D(4), entered=D(4))
    at.book.orders["bx1-1"] = order(state=OrderState.PARTIAL, filled=D(4))
    (held,) = at.holdings()
    assert held.notional == 400 + D("601.8")
    assert held.risk_usd == held.loss_usd == 8 + D("14.7")


@pytest.mark.parametrize("purpose", ["stop", "target_1", "close"])
def test_orders_that_reduce_are_held_by_nobody(purpose: str) -> None:
    at = state()
    at.book.orders["bx1-1"] = order(purpose=purpose)
    assert at.holdings() == ()


@pytest.mark.parametrize("ended", sorted(set(OrderState) - LIVE_ORDER_STATES))
def test_an_entry_that_has_ended_is_held_by_nobody(ended: OrderState) -> None:
    at = state()
    at.book.apply(Kind.ORDER, order(state=ended))
    assert at.holdings() == ()
    assert at.leading_stage() is Phase.SCANNING


def test_two_symbols_are_two_holdings() -> None:
    at = state()
    at.book.positions[SYMBOL] = running()
    at.book.orders["bx1-1"] = order("BBB/USDT:USDT", Side.SHORT)
    assert [(h.symbol, h.bucket) for h in at.holdings()] == [
        (SYMBOL, "USDT-long"),
        ("BBB/USDT:USDT", "USDT-short"),
    ]


def test_equity_is_cash_and_what_is_open() -> None:
    at = state()
    at.book.positions[SYMBOL] = running(mark=D(103))
    assert (at.unrealized, at.equity) == (30, 10_030)


def test_limits_are_measured_only_after_a_start() -> None:
    at = state()
    with pytest.raises(AssertionError, match="only after a start"):
        at.account(OPENED_MS)
    at.preset = breakout_v1()
    given = at.account(OPENED_MS + 1)
    assert (given.equity, given.holdings, given.now_ms) == (10_000, (), OPENED_MS + 1)


def test_the_leading_stage_is_the_furthest_work_in_hand() -> None:
    """Each fact is added to those before it, and leads."""
    at = state()
    stages = [at.leading_stage()]
    at.building = SYMBOL
    stages.append(at.leading_stage())
    at.armed[SYMBOL] = "c-1"
    stages.append(at.leading_stage())
    at.book.positions[SYMBOL] = running()
    stages.append(at.leading_stage())
    at.sizing = SYMBOL
    stages.append(at.leading_stage())
    at.book.orders["bx1-1"] = order()
    stages.append(at.leading_stage())
    assert stages == [
        Phase.SCANNING,
        Phase.LEVEL_BUILDING,
        Phase.SIGNAL_WAIT,
        Phase.MANAGING,
        Phase.SIZING,
        Phase.EXECUTION,
    ]


def test_a_stop_in_flight_is_no_execution_of_an_entry() -> None:
    at = state()
    at.book.orders["bx1-1"] = order(purpose="stop")
    assert at.leading_stage() is Phase.SCANNING


def test_what_has_ended_is_bounded_and_the_oldest_goes() -> None:
    book = state().book
    for number in range(ENDED_KEPT + 5):
        request = OrderRequest(
            f"bx-{number}", SYMBOL, Side.LONG, OrderKind.MARKET, D(1)
        )
        ended = order(request=request, state=OrderState.CANCELLED)
        book.apply(Kind.ORDER, ended)
        book.apply(Kind.POSITION, running(phase=TradePhase.CLOSED))
    for number in range(FOREIGN_KEPT + 5):
        book.apply(Kind.ACCOUNT, ForeignFill(f"t-{number}"))
    assert len(book.ended) == ENDED_KEPT
    assert len(book.closed) == CLOSED_KEPT
    assert len(book.foreign) == FOREIGN_KEPT
    assert book.find("bx-4") is None
    assert book.find("bx-5") is not None


def test_an_order_is_live_or_ended_and_never_both() -> None:
    book = state().book
    book.apply(Kind.INTENT, order())
    assert (list(book.orders), list(book.ended), book.serial) == (["bx1-1"], [], 1)
    book.apply(Kind.ORDER, order(state=OrderState.CANCELLED))
    assert (list(book.orders), list(book.ended), book.serial) == ([], ["bx1-1"], 1)


def test_money_is_what_the_newest_row_says() -> None:
    book = state().book
    day = open_day(D(9_000), OPENED_MS)
    book.apply(Kind.ACCOUNT, Money(D(9_500), day, D(500)))
    assert (book.cash, book.day, book.max_drawdown) == (9_500, day, 500)


def test_an_order_shows_what_ended_it_or_why_it_was_sent() -> None:
    assert order().view().reason == "momentum"
    shown = order(outcome="expired", state=OrderState.CANCELLED).view()
    assert (shown.reason, shown.state) == ("expired", "cancelled")
    assert (shown.id, shown.client_order_id) == ("i-1", "bx1-1")


def test_an_order_shows_the_price_it_waits_for() -> None:
    assert order().view().price == D("100.3")
    request = OrderRequest(
        *("bx1-1", SYMBOL, Side.SHORT, OrderKind.STOP_MARKET, D(10)),
        stop_price=D(98),
    )
    assert order(request=request).view().price == 98


@pytest.mark.parametrize("any_state", OrderState)
def test_an_order_lives_as_long_as_it_may_fill(any_state: OrderState) -> None:
    assert order(state=any_state).live is (any_state in LIVE_ORDER_STATES)
