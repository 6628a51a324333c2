"""The engine's life as the risk actor leads it: begin, recover, command, crash, end."""

import structlog

from actors.domain.crash_points import CrashPoint
from actors.domain.phases import KillPhase, Phase
from actors.domain.truth import Truth
from actors.risk.account.book import replay
from actors.risk.account.desk import Desk
from actors.risk.account.state import Changes
from actors.risk.commands import Commands
from actors.risk.orders.orders import OrderBook
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
from actors.runtime import ReplyTo
from actors.runtime.crash import reached

log = structlog.get_logger(component="risk")

#: From any other phase a start to flatten goes through IDLE.
BEGINS_FROM = frozenset({Phase.IDLE, Phase.STOPPED, Phase.INITIALIZING})
#: Commands that may wait for the exchange's truth at once; more are answered at once.
PREVIEWS_MAX = 32


class Life:
    """Leads from one state of life to the next, and answers who asked for it."""

    def __init__(
        self, desk: Desk, orders: OrderBook, commands: Commands, settlement: Settlement
    ) -> None:
        self._desk = desk
        self._orders = orders
        self._commands = commands
        self._settlement = settlement
        self._recovering: ReplyTo[str] | None = None
        self._previews: list[CommandRequest] = []  # wait for the exchange's truth

    async def command(self, request: CommandRequest) -> None:
        """Carry out a command; its answer comes when its row is on the disk."""
        if request.command.name == "reconcile" and len(self._previews) < PREVIEWS_MAX:
            self._previews.append(request)
            self._settlement.looks.look(whole=True)
            return
        answer = await self._commands.carry_out(request.command)
        await self._desk.ports.journal.commit()
        request.reply.reply(answer)

    async def tended(self, told: SymbolTended) -> None:
        """End what the conductor began with one symbol, and answer for it."""
        answer = self._commands.end(told)
        await self._desk.ports.journal.commit()
        told.reply.reply(answer)

    async def begin(self, request: Begin) -> None:
        """Enter INITIALIZING, or say why not."""
        desk, state = self._desk, self._desk.state
        before = desk.machine.phase
        refusal = self._refusal(request)
        if refusal:
            message, ok = refusal, False
        else:
            assert not isinstance(request.preset, str), "that was a refusal"
            if desk.machine.phase not in BEGINS_FROM:
                desk.machine.move(Phase.IDLE, "nothing runs: begins anew to flatten")
            desk.forget_halt()  # one that nobody carried out: a person begins anew
            state.preset = request.preset
            state.timeframe_ms = request.timeframe_ms
            state.started_ms = desk.ports.wall.now_ms()
            state.unavailable.clear()  # every symbol's actor is a new one
            message, ok = f"started with {request.preset.name}", True
            desk.machine.move(Phase.INITIALIZING, message)
        answer = self._commands.answer(request.command, before, message, ok=ok)
        await desk.ports.journal.commit()
        request.reply.reply(answer)

    def _refusal(self, request: Begin) -> str:
        """Say why a start is refused; empty when it is not."""
        kill = self._desk.book.kill
        done = kill is None or kill.phase is KillPhase.LATCHED
        if request.to_flatten and done:
            return "the kill switch has nothing to do any more"
        refusal = self._commands.forbidden(request.command.name)
        if not refusal and isinstance(request.preset, str):
            refusal = request.preset
            if request.to_flatten:
                did = "nothing runs and nothing is closed; start by hand"
                self._desk.alert("critical", "internal", refusal, did)
        return refusal

    async def recover(self, request: Recover) -> None:
        """Hold our truth against the exchange's; `told` answers."""
        self._desk.state.settled = False
        self._recovering = request.reply
        self._orders.doubt_all("the engine ended while it was sent")
        self._settlement.looks.look(whole=True)

    async def told(self, truth: Truth) -> None:
        """Answer who waits for the whole truth: with it, or what was left out."""
        if not truth.look.balance:
            return
        problems = "; ".join(truth.problems)
        reply, self._recovering = self._recovering, None
        if reply is not None:
            reply.reply(problems)
        asked, self._previews = self._previews, []
        phase = self._desk.machine.phase
        seen = problems or self._commands.policies.preview()
        for request in asked:
            answer = self._commands.answer(
                request.command, phase, seen, ok=not problems
            )
            await self._desk.ports.journal.commit()
            request.reply.reply(answer)

    async def began(self, began: Began) -> None:
        """Go to work, or on with the kill switch that was on."""
        desk, state, book = self._desk, self._desk.state, self._desk.book
        state.running = True
        if desk.machine.phase is not Phase.INITIALIZING:
            return  # killed while the symbols came up
        if book.kill is not None:
            desk.machine.move(Phase.EMERGENCY, f"kill switch: {book.kill.reason}")
            return
        state.gate_open = not book.paused
        state.pause_wanted = book.paused
        desk.machine.move(Phase.SCANNING, f"{began.symbols} symbols run")
        for symbol in book.positions:
            desk.ports.position_changed(symbol, True)
        desk.lead("positions were open" if book.positions else "began")

    async def begin_failed(self, failed: BeginFailed) -> None:
        """Go to ERROR: symbols, market or the exchange's truth could not be had."""
        desk = self._desk
        if desk.machine.allows(Phase.ERROR):  # not under the kill switch's EMERGENCY
            desk.machine.move(Phase.ERROR, failed.reason)
        did = "the engine did not start"
        if desk.book.kill is not None:
            did += "; the kill switch is on and cannot close anything yet"
        desk.alert("critical", "internal", failed.reason, did)
        self._commands.rouse()

    async def ended(self, ended: Ended) -> None:
        """Come to rest: STOPPED becomes IDLE, and the book is kept whole."""
        desk, state = self._desk, self._desk.state
        state.armed.clear()
        state.running = False
        desk.snapshot()
        reached(CrashPoint.STOP_CHILDREN_DOWN)
        idle = desk.machine.phase is Phase.STOPPED
        if idle:
            desk.machine.move(Phase.IDLE, ended.reason)
        ended.reply.reply(idle)

    async def resurrect(self) -> None:
        """Start again after a crash of this actor, from what the journal says."""
        desk, state = self._desk, self._desk.state
        await desk.ports.journal.commit()
        state.book = await replay(desk.ports.journal.read)
        if state.book.kill is not None:  # perhaps its release is not on the disk
            desk.ports.halt.reason = state.book.kill.reason
        assert state.visible is not None, "the first desk has shown something"
        desk.machine.go_back_to(state.visible.phase, state.visible.history)
        state.changed = Changes()
        state.gate_open = state.pause_wanted = state.settled = False
        state.building = state.sizing = None
        reason = "the risk actor crashed and started again"
        killed = state.book.kill is not None and desk.machine.allows(Phase.EMERGENCY)
        phase = Phase.EMERGENCY if killed else Phase.ERROR
        if desk.machine.allows(phase):
            desk.machine.move(phase, reason)
        did = "the kill switch goes on" if killed else "entries refused; retry"
        desk.alert("critical", "internal", reason, did)
        self._orders.doubt_all("crashed while it was sent")
        self._settlement.looks.look(whole=True)
        self._commands.rouse()  # the crash may have come before it was asked for
