"""The oracle itself: it must see each thing that it is there to see."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from actors.domain.money import ZERO
from actors.domain.orders import OrderState, Side
from actors.journal import Kind
from actors.risk.account.book import Book
from actors.risk.orders.records import KillSwitch
from tests.crash.cases import (
    ENTRY,
    FILL,
    SIZE,
    STOP,
    facts,
    record,
    rows_of,
    sound,
)
from tests.crash.engine import Report, Seen
from tests.crash.limits import Sendings
from tests.crash.oracle import IDLE_MAX, ORDERS_PER_MINUTE_MAX, Case, judge
from tests.crash.truth import Accepted, Bare, Truth
from tests.sim.world import START_MS, A, B, C

replace = msgspec.structs.replace
Mutant = Callable[[Case], Case]


def truth(**changes: Any) -> Mutant:
    return lambda case: replace(case, truth=replace(case.truth, **changes))


def journal(change: Callable[[list[Any]], list[Any]]) -> Mutant:
    return lambda case: replace(case, rows=rows_of(change(facts())))


def believes(**changes: Any) -> Mutant:
    def mutated(case: Case) -> Case:
        assert case.report is not None
        book = msgspec.json.decode(msgspec.json.encode(case.report.book), type=Book)
        for name, value in changes.items():
            setattr(book, name, value)
        return replace(case, report=replace(case.report, book=book))

    return mutated


def without(kind: Kind) -> Mutant:
    return journal(lambda said: [one for one in said if one[0] is not kind])


def also(*more: tuple[Kind, Any]) -> Mutant:
    return journal(lambda said: [*said, *more])


def entry(
    name: str, symbol: str, notional: int = 1000, **others: Any
) -> tuple[Kind, Any]:
    facts = {"symbol": symbol, "notional": Decimal(notional)} | others
    return Kind.INTENT, record(name, "entry", OrderState.SENDING, **facts)


TAKEN = Accepted(ENTRY.request, START_MS, True)
STOPPED = Accepted(STOP.request, START_MS, True)
AGAIN = replace(ENTRY.request, client_id="bx2-entry")
SECOND = replace(ENTRY, request=AGAIN)
STRANGER = Accepted(replace(ENTRY.request, client_id="bx1-other"), START_MS, True)
EARLY = Accepted(ENTRY.request, START_MS, False)

MUTANTS: dict[str, tuple[Mutant, str]] = {
    "the exchange took one order twice": (
        truth(accepted=(TAKEN, TAKEN, STOPPED)),
        "order taken twice",
    ),
    "an order nobody planned": (
        truth(accepted=(TAKEN, STOPPED, STRANGER)),
        "order without intent",
    ),
    "an order sent before the disk knew": (
        truth(accepted=(EARLY, STOPPED)),
        "sent before its intent was on the disk",
    ),
    "a second attempt beside the first": (
        lambda case: replace(
            also((Kind.INTENT, SECOND))(case),
            truth=replace(
                case.truth, accepted=(TAKEN, STOPPED, replace(TAKEN, request=AGAIN))
            ),
        ),
        "two orders of one intent",
    ),
    "one name planned twice": (also((Kind.INTENT, ENTRY)), "client id planned twice"),
    "a storm of orders": (
        truth(accepted=(TAKEN, *[STOPPED] * (ORDERS_PER_MINUTE_MAX + 1))),
        "order storm",
    ),
    "orders without end for what a person has closed": (
        truth(accepted=(TAKEN, *[replace(STOPPED, idle=True)] * (IDLE_MAX + 1))),
        "orders with nothing to reduce",
    ),
    "a fill dropped from the journal": (without(Kind.FILL), "fill not journalled"),
    "a fill journalled twice": (also((Kind.FILL, FILL)), "fill journalled twice"),
    "a fill that never was": (
        also((Kind.FILL, replace(FILL, trade_id="t-2"))),
        "fill invented",
    ),
    "a position forgotten": (believes(positions={}), "position differs"),
    "a position closed behind our back": (
        truth(
            positions={},
            fills=(FILL, replace(FILL, trade_id="x", client_id="p", side=Side.SHORT)),
        ),
        "position differs",
    ),
    "an order forgotten": (believes(orders={}), "order forgotten"),
    "an exchange that cannot count": (
        truth(positions={A: SIZE * 2}),
        "exchange is broken",
    ),
    "a missing stop": (
        truth(bare=(Bare(A, START_MS, START_MS + 60_000),)),
        "without a stop",
    ),
    "an engine that fell": (lambda case: replace(case, report=None), "not at rest"),
    "a kill switch forgotten": (
        lambda case: replace(case, kill_wanted=True),
        "kill switch forgotten",
    ),
    "a kill switch that does not come to its end": (
        lambda case: believes(kill=KillSwitch("drill", START_MS))(
            replace(case, kill_wanted=True)
        ),
        "kill switch not done",
    ),
    "an engine that never settles": (
        lambda case: replace(case, report=replace(case.report, settled=False)),
        "not settled",
    ),
    "a halt without a cause": (
        believes(halted={B: "something differs"}),
        "halted for nothing",
    ),
    "a doubt that nobody resolves": (
        believes(orders={"bx1-stop": replace(STOP, state=OrderState.UNKNOWN)}),
        "still in doubt",
    ),
    "more at risk than allowed": (
        also(entry("b", B, risk_usd=Decimal(3_000))),
        "sent beyond total_risk",
    ),
    "more in one bucket than allowed": (
        also(entry("b", B, 31_000)),
        "sent beyond correlated",
    ),
    "a loss that would pass the day's limit": (
        also(entry("b", B, risk_usd=Decimal(6_000))),
        "sent beyond daily_loss",
    ),
    "a pause forgotten": (
        lambda case: replace(case, acked={"life-1-pause"}),
        "pause forgotten",
    ),
    "a command without its audit row": (
        lambda case: replace(case, acked={"life-1-stop"}),
        "command not audited once",
    ),
    "a row that is gone": (
        lambda case: replace(case, rows=[*case.rows[:2], *case.rows[3:]]),
        "rows lost",
    ),
    "a book that no replay gives": (believes(cash=Decimal(7)), "replay differs"),
    "a fact seen too early": (
        lambda case: replace(case, seen=[Seen("position", "p-1", "5")]),
        "published, not journalled",
    ),
    "a third position": (
        also(entry("b", B), entry("c", C)),
        "limit: positions",
    ),
    "a third position that only the exchange saw": (
        truth(busiest=3),
        "limit: positions",
    ),
    "two entries of one symbol": (
        also(entry("b", B), entry("b2", B)),
        "two live entries",
    ),
    "two entries that only the exchange saw": (truth(crowded=(B,)), "two live entries"),
    "too much on one side": (also(entry("b", B, 60_000)), "limit: same direction"),
}


def test_a_sound_case_is_sound() -> None:
    assert judge(sound()) == []


@pytest.mark.parametrize("name", MUTANTS)
def test_a_mutant_is_seen(name: str) -> None:
    mutate, rule = MUTANTS[name]
    found = judge(mutate(sound()))
    assert rule in {one.rule for one in found}


def test_a_difference_is_forgiven_when_the_symbol_is_halted_with_a_reason() -> None:
    closed = truth(
        positions={},
        fills=(FILL, replace(FILL, trade_id="x", client_id="p", side=Side.SHORT)),
    )
    halted = believes(halted={A: "position A: ours 10, the exchange's 0"})
    rules = {one.rule for one in judge(halted(closed(sound())))}
    assert "position differs" not in rules


def test_a_moment_without_a_stop_is_forgiven() -> None:
    case = truth(bare=(Bare(A, START_MS, START_MS + 1_000),))(sound())
    assert judge(case) == []


def test_an_entry_that_ended_counts_no_more() -> None:
    (kind, order) = entry("b", B, 60_000)
    gone = replace(order, state=OrderState.REFUSED)
    case = journal(
        lambda said: [(kind, replace(order, notional=ZERO)), (Kind.ORDER, gone), *said]
    )(sound())
    assert not {one.rule for one in judge(case)} & {"limit: same direction"}


def test_a_breach_is_the_fault_of_the_entry_that_made_it() -> None:
    case = also(entry("b", B, 25_000), entry("c", C, 1_000))(sound())
    sendings = Sendings(case.preset, case.instruments)
    found = [one for row in case.rows for one in sendings.take(row)]
    assert [facts for rule, facts in found if "position_usd" in rule] == [
        f"{B}: 25000 of 20000"
    ]


def test_the_report_of_an_engine_survives_its_pipe() -> None:
    report = sound().report
    assert msgspec.json.decode(msgspec.json.encode(report), type=Report) == report


def test_the_truth_survives_its_line() -> None:
    found = sound().truth
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(found), type=Truth) == found
