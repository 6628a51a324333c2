"""The kill switch: cancel entries, flatten, and believe only the exchange.

It trips on a loss against baselines that the engine never moves, or by a person. Its
phases (KILL_MACHINE is the table) say what is still open, not what is being done:

- ARMED: not tripped. The book holds no record of it.
- CANCELLING: an entry of ours may still fill, also one that is SENDING or UNKNOWN.
  What is held is being closed all the while: no close waits for a slow cancel.
- FLATTENING: no entry lives; closes are under way, or flat is not confirmed yet.
- CONFIRMED_FLAT: the exchange itself, asked after the last change and answering
  whole, shows no order and no position. What cannot be traded is dust, and is said.
- LATCHED: nothing is left to do. Only a person's typed reset releases it.

An order or a position that is not ours is not touched: the kill switch stays in
FLATTENING and says so, at once and then every ALARM_EVERY_MS, until it is gone or a
person has said that it may be left alone. A position or an entry that turns up later
leads back to CANCELLING. All of it is in the journal, and a restart goes on there.
"""

from collections.abc import Callable

import msgspec

from actors.domain import limits
from actors.domain.crash_points import CrashPoint
from actors.domain.orders import ExchangePosition
from actors.domain.phases import KILL_MACHINE, KillPhase, Phase, check
from actors.domain.truth import Truth
from actors.journal import Kind
from actors.risk.account.desk import Desk
from actors.risk.holding.protection import Protection
from actors.risk.kill.flatness import LeftAlone, named, shown_by
from actors.risk.kill.flattening import Flattening
from actors.risk.orders.orders import OrderBook
from actors.risk.orders.records import KillChanged, KillSwitch, OrderRecord
from actors.runtime.crash import reached

#: What stands in the way of flat is said again so often.
ALARM_EVERY_MS = 60_000
#: Without news the exchange is asked again so soon.
ASK_EVERY_MS = 2_000
#: Nothing is left to do in these, unless something turns up.
RESTING = frozenset({KillPhase.CONFIRMED_FLAT, KillPhase.LATCHED})


class World(msgspec.Struct, frozen=True):
    """What the kill switch asks of others."""

    #: Has the exchange asked for all of its truth; it comes to `told`.
    look: Callable[[], None]
    #: Whether a person has said of a foreign order or position to leave it alone.
    left_alone: LeftAlone


class Kill:
    """Trips, flattens, confirms, releases."""

    def __init__(
        self, desk: Desk, orders: OrderBook, protection: Protection, world: World
    ) -> None:
        self._desk = desk
        self._orders = orders
        self._flattening = Flattening(desk, orders, protection)
        self._world = world
        self._asked_ms: int | None = None
        self._asked_version = -1  # of the journal
        self.foreign: tuple[str, ...] = ()  # seen at the exchange, not ours
        self._told: tuple[str, ...] = ()  # of those, what was said
        self._told_ms: int | None = None
        kill = desk.book.kill
        if kill is not None:  # a new incarnation halts before it does anything
            desk.ports.halt.reason = kill.reason

    # --- tripping ---------------------------------------------------------------------

    async def check(self) -> None:
        """Trip when a loss limit is reached; go on when tripped."""
        state, book = self._desk.state, self._desk.book
        if book.kill is not None:
            await self._go_on()
            return
        if state.preset is None:
            return
        reason = limits.kill_reason(book.day, state.equity, state.preset.risk)
        if reason is not None:
            await self.trip(reason)

    async def trip(self, reason: str) -> None:
        """Close the gate, halt, and begin; where nothing runs, have it brought up."""
        desk, state = self._desk, self._desk.state
        if desk.book.kill is not None:
            return
        state.gate_open = state.pause_wanted = False
        desk.ports.halt.reason = reason
        check(KILL_MACHINE, KillPhase.ARMED, KillPhase.CANCELLING)
        self._store(KillSwitch(reason=reason, triggered_ms=desk.now_ms))
        if desk.machine.allows(Phase.EMERGENCY):
            desk.machine.move(Phase.EMERGENCY, f"kill switch: {reason}")
        desk.alert(
            "critical",
            "internal",
            f"kill switch: {reason}",
            "entries are cancelled and every position is closed",
        )
        self._told_ms = desk.now_ms
        await desk.ports.journal.commit()  # a restart in the middle must go on with it
        await self._go_on()
        self.rouse()

    def rouse(self) -> None:
        """Have market and symbols brought up if nothing runs: closes need them."""
        desk = self._desk
        runs = desk.state.running and desk.machine.phase is Phase.EMERGENCY
        if self.at_work and not runs:
            desk.ports.rouse()

    @property
    def at_work(self) -> bool:
        """Whether it is tripped, and flat is not confirmed."""
        kill = self._desk.book.kill
        return kill is not None and kill.phase not in RESTING

    # --- the way to flat --------------------------------------------------------------

    async def _go_on(self) -> None:
        """Take every step that the facts allow."""
        if self._phase in RESTING and not self._turned_up():
            self._latch()
            return
        if self._phase is KillPhase.FLATTENING and self._entries():
            self._go(KillPhase.CANCELLING)
        await self.cancel_entries()
        await self._flattening.flatten()
        if self._phase is KillPhase.CANCELLING and not self._entries():
            reached(CrashPoint.KILL_CANCELLED)
            self._go(KillPhase.FLATTENING)
        reached(CrashPoint.KILL_FLATTENING)
        unsure = self._flattening.unsure or not self._left()
        if self._phase is KillPhase.FLATTENING and unsure:
            self._ask()
        self._alarm()

    def _turned_up(self) -> bool:
        """Go back to work when something of ours lives again."""
        left = [*self._flattening.held(), *self._entries()]
        if left:
            self._desk.alert(
                "critical",
                "exchange",
                f"after the kill switch was {self._phase}: {self._told_of_ours()}",
                "it is cancelled and closed",
            )
            self._go(KillPhase.CANCELLING)
        return bool(left)

    async def cancel_entries(self) -> None:
        """Ask for the cancel of all that may still fill and protects nothing.

        A cancel that was lost is asked for again by whoever sights the order.
        """
        asked = self._entries() + self._orphans()
        await self._orders.cancel(*(one for one in asked if not one.cancel_wanted))

    def _entries(self) -> list[OrderRecord]:
        return self._desk.state.entries()

    def _orphans(self) -> list[OrderRecord]:
        """List orders whose position has ended."""
        held = {p.correlation for p in self._desk.book.positions.values()}
        return [
            record
            for record in self._desk.book.orders.values()
            if record.purpose != "entry" and record.correlation not in held
        ]

    def _left(self) -> bool:
        """Whether by our own book anything is left: then there is nothing to ask."""
        return bool(self._flattening.held() or self._desk.book.orders)

    # --- the exchange's word ----------------------------------------------------------

    def _ask(self) -> None:
        """Have the exchange asked, once for every change and then in periods."""
        desk = self._desk
        changed = desk.state.changed.newest > self._asked_version
        waited = self._asked_ms is None or desk.now_ms - self._asked_ms >= ASK_EVERY_MS
        if changed or waited:
            self._asked_ms = desk.now_ms
            self._asked_version = desk.ports.journal.appended
            self._world.look()

    async def told(self, truth: Truth) -> None:
        """Take the exchange's answers, after they have been settled.

        Only what was asked after the last change, and answered whole, proves anything.
        """
        if self._desk.book.kill is None:
            return
        self._flattening.shown(truth)
        await self._go_on()
        fresh = truth.look.version >= self._desk.state.changed.newest
        if self._phase is not KillPhase.FLATTENING or not fresh:
            return
        shown = shown_by(truth, self._desk.state, self._world.left_alone)
        if shown is None:
            return
        self.foreign = shown.in_the_way
        if self.foreign:
            self._alarm()
        elif not self._left():
            self._say_dust(shown.dust)
            self._go(KillPhase.CONFIRMED_FLAT)
            self._latch()

    def _latch(self) -> None:
        if self._phase is KillPhase.CONFIRMED_FLAT:
            self._go(KillPhase.LATCHED)

    def _say_dust(self, dust: list[ExchangePosition]) -> None:
        for held in dust:
            self._desk.alert(
                "warning",
                "exchange",
                f"dust of {held.quantity} is left: too small to be traded",
                "it counts as flat",
                held.symbol,
            )

    # --- saying so --------------------------------------------------------------------

    def _alarm(self) -> None:
        """Say what stands in the way: what is new at once, all of it every minute."""
        desk = self._desk
        new = self.foreign != self._told and bool(self.foreign)
        late = self._told_ms is None or desk.now_ms - self._told_ms >= ALARM_EVERY_MS
        if self._phase in RESTING or not (new or late):
            return
        self._told, self._told_ms = self.foreign, desk.now_ms
        theirs = named(self.foreign) or "nothing else"
        desk.alert(
            "critical",
            "exchange",
            f"kill switch {self._phase}, not flat: ours {self._told_of_ours()}; "
            f"not ours: {theirs}",
            "ours is cancelled and closed; what is not ours a person must end or "
            "leave alone",
        )

    def _told_of_ours(self) -> str:
        gone, lost = self._desk.state.not_held, " not held there: settle"
        held = [
            f"{p.open - p.over} {p.symbol}{lost * (p.symbol in gone)}"
            for p in self._flattening.held()
        ]
        live = [f"{o.purpose} {o.state}" for o in self._desk.book.orders.values()]
        return named((*held, *live)) or "nothing in our book, the exchange is asked"

    @property
    def _phase(self) -> KillPhase:
        kill = self._desk.book.kill
        return KillPhase.ARMED if kill is None else kill.phase

    def _go(self, phase: KillPhase) -> None:
        kill = self._desk.book.kill
        assert kill is not None, "only a tripped kill switch goes on"
        check(KILL_MACHINE, kill.phase, phase)
        self._store(msgspec.structs.replace(kill, phase=phase))

    def _store(self, kill: KillSwitch) -> None:
        self._desk.account(KillChanged(kill))
        self._publish(kill, kill.phase)

    def _publish(self, kill: KillSwitch, phase: KillPhase) -> None:
        fact = {
            "reason": kill.reason,
            "triggered_at": kill.triggered_ms,
            "phase": phase,
        }
        self._desk.append(Kind.ALERT, {"kill_switch": fact})
        self._desk.publish("alerts", "KILL_SWITCH", fact)

    # --- releasing --------------------------------------------------------------------

    def release(self) -> None:
        """Forget a confirmed kill and take today's equity as the new baseline.

        Only a person's reset comes here: the engine itself never moves a baseline.
        """
        desk, kill = self._desk, self._desk.book.kill
        if kill is None:
            desk.forget_halt()
            return
        check(KILL_MACHINE, kill.phase, KillPhase.ARMED)
        desk.account(KillChanged(None))
        self._publish(kill, KillPhase.ARMED)
        desk.forget_halt()
        desk.set_day(limits.released(desk.book.day, desk.state.equity))
