"""The risk-and-execution actor: the only owner of orders, positions and the state.

One actor decides serially, so check and reservation are one turn: no two signals can
pass the same last slot. Findings of a step are kept until the step has closed and are
then taken in a fixed order, so that the order in which hundreds of symbols happened
to answer decides nothing. Fills and order updates are taken as they come.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import structlog

from actors.domain import limits
from actors.domain.messages import (
    Alert,
    Findings,
    MarketEnded,
    Signal,
    StepClosed,
    SymbolDown,
    WatchedBar,
)
from actors.domain.orders import Fill, OrderUpdate
from actors.domain.phases import Phase, SymbolPhase
from actors.risk.commands import Commands
from actors.risk.desk import Desk, Ports
from actors.risk.entries import Entries
from actors.risk.follower import Follower
from actors.risk.killswitch import Kill
from actors.risk.orders import OrderBook
from actors.risk.positions import Positions
from actors.risk.protection import Protection
from actors.risk.requests import (
    Began,
    Begin,
    BeginFailed,
    CommandRequest,
    Ended,
)
from actors.risk.state import OrderRecord, RiskState
from actors.runtime import Actor, ChildState, Down

log = structlog.get_logger(component="risk")

#: Rows that may wait for the journal's next group commit in a replay.
JOURNAL_ROWS_WAITING_MAX = 512

#: A symbol in one of these takes no entries.
UNAVAILABLE = frozenset(
    {
        SymbolPhase.PAUSED,
        SymbolPhase.STALE,
        SymbolPhase.RESTARTING,
        SymbolPhase.QUARANTINED,
    }
)


class RiskActor(Actor[Any]):
    """Owns the account. `desk.state` is the one mutable attribute."""

    def __init__(self, ports: Ports, state: RiskState) -> None:
        super().__init__()
        self.desk = Desk(ports, state)
        orders = OrderBook(self.desk)
        protection = Protection(self.desk, orders)
        self._orders = orders
        self.protection = protection
        self._positions = Positions(self.desk, orders, protection)
        self._entries = Entries(self.desk, orders)
        self._kill = Kill(self.desk, orders, protection)
        self.commands = Commands(self.desk, orders, protection, self._kill)
        self._follower = Follower(self.desk, protection)
        self._step: dict[str, list[Findings]] = {}
        self._handlers: dict[type, Callable[[Any], Awaitable[None]]] = {
            Findings: self._found,
            StepClosed: self._step_closed,
            WatchedBar: self._positions.bar,
            Fill: self._fill,
            OrderUpdate: self._order_update,
            CommandRequest: self._command,
            Begin: self._begin,
            Began: self._began,
            BeginFailed: self._begin_failed,
            Ended: self._ended,
            SymbolDown: self._symbol_down,
            MarketEnded: self._market_ended,
            Down: self._child_down,
            Alert: self._alert,
        }

    async def on_start(self) -> None:
        """Come back from a crash with the gate closed: a person decides.

        What the crash interrupted is not known, so nothing new is risked; stops stay
        at the exchange, and open positions go on being managed.
        """
        if self.context.incarnation > 1:
            state = self.desk.state
            state.gate_open = state.pause_wanted = False
            state.building = state.sizing = None
            reason = "the risk actor crashed and started again"
            if self.desk.machine.allows(Phase.ERROR):
                self.desk.machine.move(Phase.ERROR, reason)
            self.desk.alert("critical", "internal", reason, "entries refused; retry")
            self._orders.doubt()
            await self.protection.restore()

    async def handle(self, message: Any) -> None:
        """Take one message to its handler."""
        self.desk.state.counts["messages"] += 1
        await self._handlers[type(message)](message)

    # --- the step -------------------------------------------------------------------

    async def _found(self, findings: Findings) -> None:
        """Keep what a symbol found until the step has closed."""
        self._step.setdefault(findings.symbol, []).append(findings)

    async def _step_closed(self, step: StepClosed) -> None:
        """Weigh everything the step brought, in a fixed order."""
        desk, state = self.desk, self.desk.state
        state.counts["cycles"] += 1
        state.day = limits.roll(state.day, state.equity, step.ts_ms)
        await self._kill.check()
        signals: list[Signal] = []
        for symbol in sorted(self._step):
            for findings in self._step[symbol]:  # several, when it was late
                signals += await self._follower.follow(findings)
        self._step.clear()
        if signals:
            await self._entries.consider(signals)
        await desk.ports.journal.flush_if(JOURNAL_ROWS_WAITING_MAX)

    # --- the exchange's word --------------------------------------------------------

    async def _fill(self, fill: Fill) -> None:
        record = self._orders.apply_fill(fill)
        if record is None:
            return
        await self._positions.filled(record, fill)
        if not record.live:
            await self._order_ended(record)
        await self._confirm_kill()

    async def _order_update(self, update: OrderUpdate) -> None:
        record = self._orders.apply_update(update)
        if record is not None and not record.live:
            await self._order_ended(record)
        await self._confirm_kill()

    async def _confirm_kill(self) -> None:
        """Go on flattening at once: there may be no next step."""
        if self.desk.state.kill is not None:
            await self._kill.check()

    async def _order_ended(self, record: OrderRecord) -> None:
        if record.purpose != "entry":
            await self.protection.ended_order(record)
        elif record.filled > 0:
            await self._positions.entry_ended(record)
        else:
            self._entries.failed(record)

    # --- life ------------------------------------------------------------------------

    async def _command(self, request: CommandRequest) -> None:
        request.reply.reply(await self.commands.carry_out(request.command))

    async def _begin(self, request: Begin) -> None:
        desk, state = self.desk, self.desk.state
        before = desk.machine.phase
        refusal = self.commands.forbidden(request.command.name)
        if refusal:
            message, ok = refusal, False
        elif isinstance(request.preset, str):
            message, ok = request.preset, False
        else:
            state.preset = request.preset
            state.timeframe_ms = request.timeframe_ms
            state.started_ms = desk.ports.wall.now_ms()
            state.unavailable.clear()  # every symbol's actor is a new one
            message, ok = f"started with {request.preset.name}", True
            desk.machine.move(Phase.INITIALIZING, message)
        request.reply.reply(
            self.commands.answer(request.command, before, message, ok=ok)
        )

    async def _began(self, began: Began) -> None:
        if self.desk.machine.phase is not Phase.INITIALIZING:
            return  # stopped or killed while the symbols came up
        state = self.desk.state
        state.gate_open = state.running = True
        self.desk.machine.move(Phase.SCANNING, f"{began.symbols} symbols run")
        for symbol in state.positions:
            self.desk.ports.position_changed(symbol, True)
        self.desk.lead("positions were open")

    async def _begin_failed(self, failed: BeginFailed) -> None:
        self.desk.machine.move(Phase.ERROR, failed.reason)
        self.desk.alert("error", "internal", failed.reason, "the engine did not start")

    async def _ended(self, ended: Ended) -> None:
        self.desk.state.armed.clear()
        self.desk.state.running = False
        idle = self.desk.machine.phase is Phase.STOPPED
        if idle:
            self.desk.machine.move(Phase.IDLE, ended.reason)
        ended.reply.reply(idle)

    async def _symbol_down(self, down: SymbolDown) -> None:
        """Refuse a symbol's entries while its actor is away; its stop stands."""
        state = self.desk.state
        if down.phase not in UNAVAILABLE:
            state.unavailable.pop(down.symbol, None)
            if down.symbol in state.positions:
                self.desk.ports.position_changed(down.symbol, True)
            return
        state.unavailable[down.symbol] = f"{down.phase}: {down.reason}"
        state.armed.pop(down.symbol, None)
        self.desk.alert(
            "warning",
            "internal",
            f"{down.phase}: {down.reason}",
            "entries in this symbol are refused; its position stays protected",
            down.symbol,
        )
        self.desk.lead("symbol left work", down.symbol)

    async def _child_down(self, down: Down) -> None:
        """Hear from the runtime that a symbol (the tag) or the feed ended."""
        if down.state is ChildState.STOPPING or down.state is ChildState.STOPPED:
            return
        quarantined = down.state is ChildState.QUARANTINED
        if down.tag is None:
            did = "the market stands still" if quarantined else "it starts again"
            severity = "critical" if quarantined else "warning"
            text = f"{down.name} {down.reason}"
            self.desk.alert(severity, "internal", text, did)
            return
        self.desk.state.counts["quarantined"] += quarantined
        phase = SymbolPhase.QUARANTINED if quarantined else SymbolPhase.RESTARTING
        await self._symbol_down(SymbolDown(str(down.tag), phase, down.reason))

    async def _alert(self, fact: Alert) -> None:
        """Take an alert of another component into the one journal."""
        self.desk.raise_alert(fact)

    async def _market_ended(self, _ended: MarketEnded) -> None:
        """Close what is open at the end of a recording."""
        self.desk.state.gate_open = False
        await self._kill.cancel_entries()
        for position in list(self.desk.state.positions.values()):
            await self.protection.close(position, "end_of_market")
