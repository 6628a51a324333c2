"""A sound case in miniature: one long that was entered and is protected."""

from decimal import Decimal
from typing import Any

import msgspec

from actors.domain import ledger
from actors.domain.ledger import Position
from actors.domain.limits import open_day
from actors.domain.messages import Signal
from actors.domain.money import ZERO
from actors.domain.orders import (
    Fill,
    OpenOrder,
    OrderKind,
    OrderRequest,
    OrderState,
    Side,
)
from actors.domain.phases import TradePhase
from actors.journal import Kind, Row
from actors.risk.account.book import BODIES, empty_book
from actors.risk.orders.records import AccountOpened, OrderRecord
from tests.crash.engine import Report, Seen
from tests.crash.oracle import Case
from tests.crash.scenarios import LIMITS
from tests.crash.truth import Accepted, Truth
from tests.sim.script import idea
from tests.sim.world import START_MS, SYMBOLS, A, one_instrument, preset

SIZE = Decimal(10)
IDEA: Signal = idea(A, START_MS)
EQUITY = Decimal(100_000)
OPENED = AccountOpened(
    serial=1,
    market="scripted",
    cash=EQUITY,
    day=open_day(EQUITY, START_MS),
    opened_ms=START_MS,
)


def record(name: str, purpose: str, state: OrderState, **others: Any) -> OrderRecord:
    entry = purpose == "entry"
    request = OrderRequest(
        client_id=f"bx1-{name}",
        symbol=others.pop("symbol", A),
        side=Side.LONG if entry else Side.SHORT,
        kind=OrderKind.MARKET if entry else OrderKind.STOP_MARKET,
        quantity=SIZE,
        stop_price=None if entry else IDEA.stop,
        reduce_only=not entry,
    )
    facts = {
        "intent": f"i-{name}",
        "correlation": IDEA.correlation,
        "purpose": purpose,
        "reason": "",
        "created_ms": START_MS,
        "updated_ms": START_MS,
        "notional": SIZE * 100 if entry else ZERO,
    }
    return OrderRecord(request=request, state=state, **(facts | others))


ENTRY = record("entry", "entry", OrderState.SENDING)
STOP = record("stop", "stop", OrderState.SENDING)
FILL = Fill(
    trade_id="t-1",
    client_id=ENTRY.client_id,
    symbol=A,
    side=Side.LONG,
    quantity=SIZE,
    price=Decimal(100),
    fee=ZERO,
    maker=False,
    ts_ms=START_MS,
)


def position() -> Position:
    opened = Position(
        id="p-1",
        correlation=IDEA.correlation,
        symbol=A,
        side=Side.LONG,
        kind=IDEA.kind,
        level=None,
        stop=IDEA.stop,
        initial_stop=IDEA.stop,
        targets=IDEA.targets,
        opened_ms=START_MS,
        updated_ms=START_MS,
        atr=IDEA.atr,
    )
    return ledger.move(ledger.enter(opened, FILL), TradePhase.RUNNING)


def row(seq: int, kind: Kind, body: Any) -> Row:
    return Row(
        seq, kind, "s-1", START_MS, A, None, msgspec.Raw(msgspec.json.encode(body))
    )


def facts() -> list[tuple[Kind, Any]]:
    filled = msgspec.structs.replace(
        ENTRY, state=OrderState.FILLED, filled=SIZE, trades=(FILL.trade_id,)
    )
    standing = msgspec.structs.replace(STOP, state=OrderState.OPEN)
    return [
        (Kind.ACCOUNT, OPENED),
        (Kind.INTENT, ENTRY),
        (Kind.FILL, FILL),
        (Kind.ORDER, filled),
        (Kind.POSITION, position()),
        (Kind.INTENT, STOP),
        (Kind.ORDER, standing),
    ]


def rows_of(said: list[tuple[Kind, Any]]) -> list[Row]:
    return [row(seq, kind, body) for seq, (kind, body) in enumerate(said, start=1)]


def sound() -> Case:
    """Nothing is wrong with it."""
    rows, book = rows_of(facts()), empty_book()
    for one in rows:
        book.apply(one.kind, one.decode(BODIES[one.kind]))
    truth = Truth(
        now_ms=START_MS,
        accepted=tuple(Accepted(o.request, START_MS, True) for o in (ENTRY, STOP)),
        fills=(FILL,),
        positions={A: SIZE},
        live=(OpenOrder(STOP.request, "x-2"),),
        bare=(),
        busiest=1,
        crowded=(),
    )
    return Case(
        rows=rows,
        truth=truth,
        report=Report(book=book, phase="MANAGING", settled=True),
        preset=preset(**LIMITS),
        equity=EQUITY,
        instruments={symbol: one_instrument(symbol) for symbol in SYMBOLS},
        seen=[Seen("order", ENTRY.client_id, "filled"), Seen("position", "p-1", "10")],
    )
