"""Judges what is left after crashes: the journal, the engine's belief, the truth."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from decimal import Decimal
from itertools import pairwise
from typing import Any

import msgspec

from actors.domain.bars import Instrument
from actors.domain.ledger import Position
from actors.domain.money import ZERO
from actors.domain.orders import Fill
from actors.domain.phases import KillPhase
from actors.journal import Kind, Row
from actors.risk.account.book import BODIES, empty_book
from actors.risk.orders.orders import UNSEEN
from actors.risk.orders.records import OrderRecord
from config.preset import Preset
from tests.crash.engine import Report, Seen
from tests.crash.limits import Replay, Sendings
from tests.crash.truth import Truth
from tests.sim.world import MINUTE_MS

BARE_SECONDS_MAX = 10
#: Of one symbol in one minute; a script's busiest minute has nine.
ORDERS_PER_MINUTE_MAX = 30
#: Reduce-only orders of one symbol that may meet a position which has ended unseen:
#: one round of a stop (two, where it fills in pieces), two targets and a close.
IDLE_MAX = 6


class Found(msgspec.Struct, frozen=True):
    """One violation: the rule, and the facts."""

    rule: str
    facts: str


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """Everything the oracle looks at."""

    rows: list[Row]
    truth: Truth
    report: Report | None
    preset: Preset
    equity: Decimal
    instruments: Mapping[str, Instrument]
    kill_wanted: bool = False  # a kill switch had been confirmed before a crash
    seen: list[Seen] = []  # what all lives published
    acked: set[str] = set()  # ids of the commands that were confirmed


class Intents:
    """The INTENT rows, by client id."""

    def __init__(self, rows: list[Row]) -> None:
        self.bodies = [body(row) for row in rows if row.kind is Kind.INTENT]
        self.by_id = {one["request"]["client_id"]: one for one in self.bodies}

    def owns(self, client_id: str) -> bool:
        return client_id in self.by_id


def body(row: Row) -> Any:
    return msgspec.json.decode(row.body)


def judge(case: Case) -> list[Found]:
    """Every rule that is broken, with its facts."""
    intents = Intents(case.rows)
    checks = (
        _orders(case, intents),
        _positions(case, intents),
        _protection(case),
        _limits(case),
        _fills(case, intents),
        _kill(case),
        _at_rest(case),
        _replay(case),
        _published(case),
        _commands(case),
    )
    return [found for check in checks for found in check]


def _orders(case: Case, intents: Intents) -> Iterator[Found]:
    """At most one exchange order for each intent, and none before its intent."""
    ours = [
        o for o in case.truth.accepted if not o.request.client_id.startswith("person")
    ]
    taken = Counter(one.request.client_id for one in ours)
    for client_id in (name for name in taken if not intents.owns(name)):
        yield Found("order without intent", client_id)
    for one in (one for one in ours if not one.journalled):
        yield Found("sent before its intent was on the disk", one.request.client_id)
    yield from _repeated("order taken twice", taken)
    owned = (intents.by_id[name]["intent"] for name in taken if intents.owns(name))
    yield from _repeated("two orders of one intent", Counter(owned))
    planned = Counter(one["request"]["client_id"] for one in intents.bodies)
    yield from _repeated("client id planned twice", planned)
    minutes = Counter(f"{o.request.symbol} {o.ts_ms // MINUTE_MS}" for o in ours)
    yield from _repeated("order storm", minutes, ORDERS_PER_MINUTE_MAX)
    idle = Counter(one.request.symbol for one in ours if one.idle)
    yield from _repeated("orders with nothing to reduce", idle, IDLE_MAX)


def _repeated(rule: str, counted: Counter[str], most: int = 1) -> Iterator[Found]:
    for name, times in counted.items():
        if times > most:
            yield Found(rule, f"{name}: {times} times")


def _positions(case: Case, intents: Intents) -> Iterator[Found]:
    """What we believe = what our fills say = what the exchange holds, or halted."""
    if case.report is None:
        yield Found("not at rest", "the last engine said nothing of itself")
        return
    held, at_exchange = case.truth.positions, defaultdict(lambda: ZERO)
    for fill in case.truth.fills:
        at_exchange[fill.symbol] += fill.side.sign * fill.quantity
    book = case.report.book
    believed = {s: p.net for s, p in book.positions.items()}
    for symbol, left in book.dust.items():
        believed[symbol] = believed.get(symbol, ZERO) + left.quantity
    for symbol in sorted({*held, *believed, *at_exchange}):
        has, sums = held.get(symbol, ZERO), at_exchange[symbol]
        if sums != has:
            yield Found("exchange is broken", f"{symbol}: fills {sums}, holds {has}")
        if believed.get(symbol, ZERO) != has and not book.halted.get(symbol):
            facts = f"{symbol}: we say {believed.get(symbol, ZERO)}, it holds {has}"
            yield Found("position differs", facts)
    ours = {
        o.request.client_id
        for o in case.truth.live
        if intents.owns(o.request.client_id)
    }
    for client_id in sorted(ours - set(book.orders)):
        yield Found("order forgotten", f"{client_id} rests and we do not follow it")


def _protection(case: Case) -> Iterator[Found]:
    """A stop for at least the position, N seconds after a restart at the latest."""
    for bare in case.truth.bare:
        seconds = (bare.until_ms - bare.from_ms) / 1000
        if seconds > BARE_SECONDS_MAX:
            yield Found("without a stop", f"{bare.symbol} for {seconds:.1f} s")


def _limits(case: Case) -> Iterator[Found]:
    """No moment, in the journal's order, passes a limit at its worst case."""
    risk = case.preset.risk
    most = risk.max_concurrent_positions
    if case.truth.busiest > most:
        yield Found("limit: positions", f"exchange saw {case.truth.busiest} of {most}")
    for symbol in case.truth.crowded:
        yield Found("two live entries", f"exchange saw them in {symbol}")
    every_row = Replay(case.preset, case.equity)
    every_send = Sendings(case.preset, case.instruments)
    found: dict[str, str] = {}
    for row in case.rows:
        for rule, facts in (*every_row.take(row), *every_send.take(row)):
            found.setdefault(rule, f"row {row.seq}: {facts}")
    for rule, facts in found.items():
        yield Found(rule, facts)


def _fills(case: Case, intents: Intents) -> Iterator[Found]:
    """Every fill of ours is in the journal, once, and no other is."""
    told = {f.trade_id for f in case.truth.fills if intents.owns(f.client_id)}
    fills = [row.decode(Fill) for row in case.rows if row.kind is Kind.FILL]
    kept = Counter(f.trade_id for f in fills if intents.owns(f.client_id))
    if case.report is not None:  # else the last rows may not be written yet
        for trade_id in sorted(told - set(kept)):
            yield Found("fill not journalled", trade_id)
    for trade_id in sorted(set(kept) - told):
        yield Found("fill invented", trade_id)
    for trade_id, times in kept.items():
        if times > 1:
            yield Found("fill journalled twice", f"{trade_id}: {times} rows")


def _kill(case: Case) -> Iterator[Found]:
    """A confirmed kill switch is on, and done unless a person is in its way."""
    if not case.kill_wanted or case.report is None:
        return
    kill = case.report.book.kill
    if kill is None:
        yield Found("kill switch forgotten", f"phase {case.report.phase}")
    elif kill.phase is not KillPhase.LATCHED and not _touched(case.truth):
        yield Found("kill switch not done", f"{kill.phase}, and nothing is in its way")


def _at_rest(case: Case) -> Iterator[Found]:
    """Minutes after the last start nothing is in doubt, nor halted for nothing.

    Where a person has moved the position, it proves no order absent: such a symbol is
    halted, and its doubts wait for a person.
    """
    if case.report is None:
        return
    if not case.report.settled:
        yield Found("not settled", f"phase {case.report.phase}")
    touched, halted = _touched(case.truth), case.report.book.halted
    for symbol, reason in halted.items():
        if symbol not in touched:
            yield Found("halted for nothing", f"{symbol}: {reason}")
    for order in case.report.book.orders.values():
        if order.state in UNSEEN and order.request.symbol not in halted:
            yield Found("still in doubt", f"{order.purpose} {order.client_id}")


def _touched(truth: Truth) -> set[str]:
    """Symbols in which a person has traded or left an order."""
    orders = {(o.request.client_id, o.request.symbol) for o in truth.live}
    fills = {(fill.client_id, fill.symbol) for fill in truth.fills}
    return {symbol for name, symbol in orders | fills if name.startswith("person")}


def _commands(case: Case) -> Iterator[Found]:
    """What was confirmed to a person is in the audit log, once, and holds."""
    said = [body(row)["what"] for row in case.rows if row.kind is Kind.AUDIT]
    for one in sorted(case.acked):
        times = sum(what.endswith(f" id {one}") for what in said)
        if times != 1:
            yield Found("command not audited once", f"{one}: {times} rows")
    gate = {one.rpartition("-")[2] for one in case.acked} & {"pause", "resume"}
    if gate == {"pause"} and case.report is not None and not case.report.book.paused:
        yield Found("pause forgotten", f"phase {case.report.phase}")


def _replay(case: Case) -> Iterator[Found]:
    """Replay = live state, byte for byte, from rows that miss none."""
    for before, row in pairwise(case.rows):
        if row.seq != before.seq + 1:
            yield Found("rows lost", f"{row.seq} follows {before.seq}")
    if case.report is None:
        return
    book = empty_book()
    for row in case.rows:
        if row.kind in BODIES:
            book.apply(row.kind, row.decode(BODIES[row.kind]))
    alive = msgspec.to_builtins(case.report.book)
    replayed = msgspec.to_builtins(book)
    for name in alive:
        if alive[name] != replayed[name]:
            facts = f"{name}: {replayed[name]!s:.200} lived as {alive[name]!s:.200}"
            yield Found("replay differs", facts)


def _published(case: Case) -> Iterator[Found]:
    """What was published is in the journal."""
    rows = [row for row in case.rows if row.kind in {Kind.INTENT, Kind.ORDER}]
    orders = [row.decode(OrderRecord) for row in rows]
    held = [r.decode(Position) for r in case.rows if r.kind is Kind.POSITION]
    known = {Seen("order", one.client_id, one.state) for one in orders}
    known |= {Seen("position", one.id, f"{one.open.normalize():f}") for one in held}
    for seen in sorted(set(case.seen) - known, key=str):
        yield Found(
            "published, not journalled", f"{seen.topic} {seen.name} {seen.state}"
        )
