"""The risk-and-execution actor: the only owner of orders, positions and the state.

One actor decides serially, so check and reservation are one turn: no two signals can
pass the same last slot. Findings of a step are kept until the step has closed and are
then taken in a fixed order, so that the order in which hundreds of symbols happened
to answer decides nothing. Fills and order updates are taken as they come.
"""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import msgspec
import structlog

from actors.domain.messages import (
    Alert,
    Findings,
    MarketEnded,
    Signal,
    StepClosed,
    SymbolDown,
    Tick,
    WatchedBar,
)
from actors.domain.orders import Fill, OrderUpdate
from actors.domain.truth import Look, Truth
from actors.risk.account.desk import Desk
from actors.risk.account.ports import Ports
from actors.risk.account.state import RiskState
from actors.risk.commands import Commands
from actors.risk.holding.follower import Follower
from actors.risk.holding.positions import Positions
from actors.risk.holding.protection import Protection
from actors.risk.holding.watching import Watching
from actors.risk.kill.killswitch import Kill, World
from actors.risk.life import Life
from actors.risk.neighbours import Neighbours
from actors.risk.orders.dispatch import Answered
from actors.risk.orders.entries import Entries
from actors.risk.orders.listing import listed
from actors.risk.orders.orders import OrderBook
from actors.risk.orders.recall import recall
from actors.risk.orders.records import ForeignFill, OrderRecord
from actors.risk.truth.policies import Policies
from actors.risk.truth.requests import (
    Began,
    Begin,
    BeginFailed,
    CommandRequest,
    Ended,
    Recover,
    SymbolTended,
)
from actors.risk.truth.settlement import Settlement
from actors.runtime import Actor, Down

log = structlog.get_logger(component="risk")

#: Rows that may wait for the journal's next group commit in a replay.
JOURNAL_ROWS_WAITING_MAX = 512


class RiskActor(Actor[Any]):
    """Owns the account. `desk.state` is the one mutable attribute."""

    def __init__(self, ports: Ports, state: RiskState) -> None:
        super().__init__()
        asks = partial(self._asks, ports.look)
        self.desk = Desk(msgspec.structs.replace(ports, look=asks), state)
        orders = OrderBook(self.desk)
        self._orders = orders
        self.protection = protection = Protection(self.desk, orders)
        self._positions = Positions(self.desk, orders, protection)
        self._entries = Entries(self.desk, orders)
        self.settlement = Settlement(self.desk, orders, self._apply, self._order_ended)
        look = partial(self.settlement.looks.look, whole=True)
        world = World(look, self.settlement.differences.ignores)
        self.kill = Kill(self.desk, orders, protection, world)
        self.policies = Policies(
            self.desk, orders, self._positions, self.settlement, self._fill
        )
        self.commands = Commands(
            self.desk, orders, protection, self.kill, self.policies
        )
        self._follower = Follower(self.desk, protection)
        self._life = Life(self.desk, orders, self.commands, self.settlement)
        self._neighbours = Neighbours(self.desk)
        self._step: dict[str, list[Findings]] = {}
        self._watching = Watching(self.desk, protection, self._positions.tend)
        self._handlers = self._table()

    def _table(self) -> dict[type, Callable[[Any], Awaitable[None]]]:
        """Say who takes which message."""
        return {
            Findings: self._found,
            StepClosed: self._step_closed,
            Tick: self._ticked,
            WatchedBar: self._watching.bar,
            Fill: self._fill,
            OrderUpdate: self._order_update,
            Answered: self._answered,
            Truth: self._truth,
            CommandRequest: self._life.command,
            Begin: self._life.begin,
            Recover: self._life.recover,
            Began: self._life.began,
            BeginFailed: self._life.begin_failed,
            Ended: self._life.ended,
            SymbolTended: self._life.tended,
            SymbolDown: self._neighbours.symbol_down,
            MarketEnded: self._market_ended,
            Down: self._neighbours.child_down,
            Alert: self._neighbours.alert,
        }

    async def on_start(self) -> None:
        """Come back from a crash with the gate closed: a person decides.

        What the crash interrupted is not known, so nothing new is risked; stops stay
        at the exchange, and open positions go on being managed.
        """
        if self.context.incarnation > 1:
            await self._life.resurrect()

    async def handle(self, message: Any) -> None:
        """Take one message to its handler."""
        # The machine's alerts depend on its load, not on what the engine did.
        self.desk.state.counts["messages"] += type(message) is not Alert
        try:
            await self._handlers[type(message)](message)
        except Exception:
            # Rows of half a turn must not reach the disk: a fill that is counted in
            # its order and not in its position would never be booked.
            self.desk.forget_turn()
            raise
        self.desk.outbox.hurry()

    # --- the step -------------------------------------------------------------------

    async def _found(self, findings: Findings) -> None:
        """Keep what a symbol found until the step has closed."""
        self._step.setdefault(findings.symbol, []).append(findings)

    async def _step_closed(self, _step: StepClosed) -> None:
        """Weigh everything the step brought, in a fixed order."""
        desk, state = self.desk, self.desk.state
        state.counts["cycles"] += 1
        self.desk.roll_day()
        await self._positions.tend_all()
        await self.kill.check()
        signals: list[Signal] = []
        for symbol in sorted(self._step):
            for findings in self._step[symbol]:  # several, when it was late
                signals += await self._follower.follow(findings)
        self._step.clear()
        if signals:
            await self._entries.consider(signals)
        self.settlement.looks.look_if_due()
        desk.snapshot_if_due()
        await desk.ports.journal.flush_if(JOURNAL_ROWS_WAITING_MAX)

    async def _ticked(self, _tick: Tick) -> None:
        """Do what is due by the clock alone, where an exchange does not wait for us.

        Also where nothing runs: what is open goes on without us. But a book of before
        a start is first held against the exchange's truth, and then acted upon.
        """
        state = self.desk.state
        if not (state.running or self._open()):
            return
        if state.running or state.settled:
            self.desk.roll_day()
            await self._positions.tend_all()
            await self.kill.check()
        self._ask_for_stops()
        self.settlement.looks.look_if_due()

    def _open(self) -> bool:
        """Whether anything is held, may still fill or is to be confirmed flat."""
        book = self.desk.book
        return bool(book.positions or book.orders) or self.kill.at_work

    # --- the exchange's word --------------------------------------------------------

    async def _fill(self, fill: Fill) -> None:
        """Apply a fill, then give its position what it lacks."""
        await self._apply(fill)
        await self._follow_up(fill.symbol)

    async def _follow_up(self, symbol: str) -> None:
        """Give a symbol what it lacks after news of it, and go on flattening."""
        await self._positions.tend(symbol)
        self._ask_for_stops()
        await self._confirm_kill()

    def _ask_for_stops(self, *, accepted: bool = False) -> None:
        """Ask at once for a stop that may stand under an unprotected position."""
        if self.protection.unprotected.unsure(accepted=accepted):
            self.settlement.looks.look_if_due(at_once=True)

    async def _apply(self, fill: Fill) -> None:
        """Apply a fill exactly once, whatever its order's state."""
        if fill.trade_id in self.desk.book.foreign:
            return
        known = await recall(self.desk, fill.client_id)
        objection = self._positions.objection(known, fill)
        if known is None or objection is not None:
            self._not_applied(fill, objection)
            return
        new = listed(self._orders, known, fill)
        if new is None:
            return
        record = self._orders.apply_fill(self._orders.known(fill.client_id), new)
        if record is None:
            return
        await self._positions.filled(record, new)
        if not record.live:
            await self._order_ended(record)

    def _not_applied(self, fill: Fill, objection: str | None) -> None:
        """Note, once, a fill that nobody here ordered or that cannot be."""
        self.desk.account(ForeignFill(fill.trade_id), fill.symbol)
        self.desk.halt_symbol(
            fill.symbol,
            f"foreign fill {fill.trade_id}: {fill.side} {fill.quantity} at "
            f"{fill.price} {objection}",
        )

    async def _answered(self, late: Answered) -> None:
        """Take an answer that the exchange gave late."""
        record = await self._orders.answered(late)
        if record is None:
            return
        if not record.live:
            await self._order_ended(record)
        await self._follow_up(record.request.symbol)

    async def hear_last(self, late: Answered) -> None:
        """Record an answer after everything has ended: nothing is sent any more."""
        await self._orders.answered(late)

    def _asks(self, ask: Callable[[Look], None], look: Look) -> None:
        """Put our incarnation's number on what is asked: answers come back with it."""
        ask(msgspec.structs.replace(look, incarnation=self.context.incarnation))

    async def _truth(self, truth: Truth) -> None:
        """Settle what the exchange's answers settle, and go on with what waited.

        What was asked before a crash is not compared with what has changed since.
        """
        if truth.look.incarnation != self.context.incarnation:
            return
        await self.settlement.judge(truth)
        await self._positions.tend_all()
        self._ask_for_stops(accepted=True)  # who had to ask for fills was not told
        await self._life.told(truth)
        await self.kill.told(truth)

    async def _order_update(self, update: OrderUpdate) -> None:
        record = self._orders.apply_update(update)
        if record is not None and not record.live:
            await self._order_ended(record)
        await self._follow_up(update.symbol)

    async def _confirm_kill(self) -> None:
        """Go on flattening at once: there may be no next step."""
        if self.desk.book.kill is not None:
            await self.kill.check()

    async def _order_ended(self, record: OrderRecord) -> None:
        if record.outcome == "reduce_only":
            self.settlement.nothing_to_reduce(record)
        if record.purpose != "entry":
            await self.protection.ended_order(record)
        elif record.filled > 0:
            await self._positions.entry_ended(record)
        else:
            self._entries.failed(record)

    # --- the rest of the world -------------------------------------------------------

    async def _market_ended(self, _ended: MarketEnded) -> None:
        """Close what is open at the end of a recording."""
        self.desk.state.gate_open = False
        await self.kill.cancel_entries()
        for position in list(self.desk.book.positions.values()):
            await self.protection.close(position, "end_of_market")
        await self._positions.tend_all()
