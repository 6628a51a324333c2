"""What people and programs may order, when, and what it does: one table.

A command that the state does not allow changes nothing and says what is allowed.
Halting works in every state. Every command is journalled with its before and after.
"""

from collections.abc import Awaitable, Callable
from typing import NamedTuple

import msgspec

from actors.domain.messages import Command, CommandAnswer
from actors.domain.phases import RUNNING_PHASES, KillPhase, Phase
from actors.domain.views import CommandState
from actors.journal import AuditRecord, Kind
from actors.risk.account.desk import Desk
from actors.risk.acts.gate import GateActs
from actors.risk.acts.positions import PositionActs
from actors.risk.acts.symbols import SymbolActs
from actors.risk.holding.protection import Protection
from actors.risk.kill.killswitch import Kill
from actors.risk.orders.orders import OrderBook
from actors.risk.truth.policies import Policies
from actors.risk.truth.requests import Done, Refusal, SymbolTended
from config.errors import ConfigError

#: What a person types to release the kill switch.
CONFIRMATION = "RESET"
HALTABLE = RUNNING_PHASES | {Phase.ERROR}
AT_REST = frozenset({Phase.IDLE, Phase.STOPPED})


class Rule(NamedTuple):
    """Where a command is allowed, and who carries it out (None: the conductor)."""

    phases: frozenset[Phase]
    act: Callable[["Commands", Command], Awaitable[str | Done]] | None


class Commands:
    """Judges and carries out every command but start, which the conductor leads."""

    def __init__(
        self,
        desk: Desk,
        orders: OrderBook,
        protection: Protection,
        kill: Kill,
        policies: Policies,
    ) -> None:
        self._desk = desk
        self._kill = kill
        self.policies = policies
        self.gate = GateActs(desk, kill)
        self.positions = PositionActs(desk, orders, protection, kill)
        self.symbols = SymbolActs(desk, policies)

    async def carry_out(self, command: Command) -> CommandAnswer:
        """Judge, act, journal, answer."""
        before = self._desk.machine.phase
        did: str | Done
        try:
            rule = self._rule(command.name)
            self._require(command.name)
            assert rule.act is not None, f"{command.name} belongs to the conductor"
            did, ok = await rule.act(self, command), True
        except Refusal as refusal:
            did, ok = str(refusal), False
        return self.answer(command, before, did, ok=ok)

    def end(self, told: SymbolTended) -> CommandAnswer:
        """End what the conductor began with one symbol."""
        did: str | Done
        try:
            did, ok = self.symbols.tended(told), True
        except Refusal as refusal:
            did, ok = str(refusal), False
        return self.answer(told.command, told.before, did, ok=ok)

    def answer(
        self, command: Command, before: str, did: str | Done, *, ok: bool
    ) -> CommandAnswer:
        """Audit a command's end and make its answer."""
        desk = self._desk
        if isinstance(did, str):
            did = Done(did, before, desk.machine.phase)
        asked = msgspec.json.encode(command.args).decode()
        desk.append(
            Kind.AUDIT,
            AuditRecord(
                who=f"{command.principal} as {command.role}",
                what=f"{command.name} {asked} id {command.id}",
                before=did.before,
                after=did.after,
                result=f"{'done' if ok else 'refused'}: {did.message}",
            ),
        )
        wall_ms = desk.ports.wall.now_ms()
        return CommandAnswer(command.id, ok, 200 if ok else 400, did.message, wall_ms)

    def _require(self, name: str) -> None:
        reason = self.forbidden(name)
        if reason:
            raise Refusal(reason)

    def _rule(self, name: str) -> Rule:
        try:
            return RULES[name]
        except KeyError:
            msg = f"unknown command {name!r}; known: {', '.join(RULES)}"
            raise Refusal(msg) from None

    def forbidden(self, name: str) -> str:
        """Say why a command is not allowed now; empty when it is."""
        phase = self._desk.machine.phase
        phases = RULES[name].phases
        if name == "start" and self._stranded():
            return ""
        if name == "stop" and phase in AT_REST and self._desk.state.running:
            return ""  # an earlier one was answered too late: nothing was ended
        paused = phase is Phase.PAUSED or self._desk.state.pause_wanted
        if name == "resume" and phase in phases and not paused:
            return f"resume is not possible in {phase}: it is not paused"
        if phase in phases:
            return ""
        return (
            f"{name} is not possible in {phase}; it needs {' or '.join(sorted(phases))}"
        )

    def _stranded(self) -> bool:
        """Whether the kill switch is on where nothing runs that could flatten."""
        state, phase = self._desk.state, self._desk.machine.phase
        halted = phase in {Phase.ERROR, Phase.EMERGENCY, Phase.INITIALIZING}
        return halted and state.book.kill is not None and not state.running

    def rouse(self) -> None:
        """Have what flattens brought up, if the kill switch needs it."""
        self._kill.rouse()

    def states(self) -> tuple[CommandState, ...]:
        """Say for each command whether it is allowed now, and why not."""
        rows = []
        for name in RULES:
            reason = self.forbidden(name)
            rows.append(CommandState(name, not reason, reason))
        return tuple(rows)

    # --- acts -----------------------------------------------------------------------

    async def reset(self, command: Command) -> str:
        """Leave ERROR to IDLE, or release a latched kill switch by a typed word."""
        desk, state = self._desk, self._desk.state
        if desk.book.kill is not None:
            await self._kill.check()  # a person may have adopted something since
        self._require_released(command)
        state.gate_open = False
        self._kill.release()
        desk.machine.move(Phase.IDLE, "reset requested")
        return "reset: IDLE; start begins anew"

    def _require_released(self, command: Command) -> None:
        """Refuse unless the kill switch is off, or latched and the word was typed."""
        kill = self._desk.book.kill
        if kill is None:
            return
        if kill.phase is not KillPhase.LATCHED:
            msg = (
                f"reset refused: the kill switch is {kill.phase}, "
                f"{len(self._desk.book.positions)} positions open; wait for LATCHED"
            )
            raise Refusal(msg)
        typed = command.args.get("confirm")
        if typed != CONFIRMATION:
            msg = (
                f"reset refused: the kill switch is latched ({kill.reason}); releasing "
                f'it takes the typed word: {{"confirm": "{CONFIRMATION}"}}, '
                f"not {typed!r}"
            )
            raise Refusal(msg)

    async def reload(self, _command: Command) -> str:
        """Read every preset again; they are applied at the next start."""
        library = self._desk.ports.presets
        names = library.names()
        try:
            for name in names:
                library.load(name)
        except ConfigError as error:
            raise Refusal(str(error)) from error
        return f"{len(names)} presets are sound; the next start reads its own anew"

    async def kill_switch(self, command: Command) -> str:
        """Trip the kill switch."""
        reason = str(command.args.get("reason") or command.name)
        desk, book = self._desk, self._desk.book
        if book.kill is not None:
            desk.ports.halt.reason = book.kill.reason
            self._kill.rouse()
            return f"tripped already: {book.kill.phase}, {book.kill.reason}"
        at_rest = desk.machine.phase in AT_REST
        if at_rest and not book.positions and not book.orders:
            desk.ports.halt.reason = None
            return "nothing runs; by our book nothing is held and no order lives"
        await self._kill.trip(reason)
        if at_rest:
            return (
                f"kill switch tripped: {reason}; the market is brought up to close "
                f"{len(book.positions)} positions, then latched until reset"
            )
        return f"kill switch tripped: {reason}; flattening, then latched until reset"

    async def reconcile(self, _command: Command) -> str:
        """Refuse one look too many; the others wait in `Life` for the exchange."""
        msg = "reconcile refused: too many wait for the exchange; read their answers"
        raise Refusal(msg)

    async def scan(self, _command: Command) -> str:
        """Tell what every symbol's newest scan found, best score first.

        Symbols are scanned at each closed bar; between two there is nothing new.
        """
        found = self._desk.ports.scanned()
        self._desk.publish("signals", "SCAN_RESULT", found)
        best = ", ".join(f"{one.symbol} {one.score:.2f}" for one in found.best[:3])
        return f"{found.symbols} symbols are scanned at each closed bar; best: {best}"

    async def settle(self, command: Command) -> str:
        """Do what a person has decided about a difference."""
        return await self.policies.settle(command)


_P = Phase
RULES: dict[str, Rule] = {
    "start": Rule(frozenset({_P.IDLE, _P.STOPPED}), None),
    "stop": Rule(HALTABLE, lambda by, order: by.gate.stop(order)),
    "pause": Rule(
        RUNNING_PHASES - {_P.INITIALIZING}, lambda by, order: by.gate.pause(order)
    ),
    "resume": Rule(RUNNING_PHASES, lambda by, order: by.gate.resume(order)),
    "reload": Rule(frozenset({_P.IDLE, _P.STOPPED}), Commands.reload),
    "emergency_stop": Rule(frozenset(Phase), Commands.kill_switch),
    "kill_switch": Rule(frozenset(Phase), Commands.kill_switch),
    "panic_exit": Rule(HALTABLE, lambda by, order: by.positions.panic_exit(order)),
    "time_stop": Rule(HALTABLE, lambda by, order: by.positions.time_stop(order)),
    "flatten": Rule(HALTABLE, lambda by, order: by.positions.flatten(order)),
    "close_position": Rule(
        HALTABLE, lambda by, order: by.positions.close_position(order)
    ),
    "cancel_order": Rule(
        frozenset(Phase), lambda by, order: by.positions.cancel_order(order)
    ),
    "symbol_pause": Rule(frozenset(Phase), lambda by, order: by.symbols.pause(order)),
    "symbol_resume": Rule(frozenset(Phase), lambda by, order: by.symbols.resume(order)),
    "symbol_restart": Rule(HALTABLE | {_P.EMERGENCY}, None),
    "symbol_release": Rule(frozenset(Phase), None),
    "scan": Rule(RUNNING_PHASES, Commands.scan),
    "reconcile": Rule(frozenset(Phase), Commands.reconcile),
    "settle": Rule(frozenset(Phase), Commands.settle),
    "retry": Rule(frozenset({_P.ERROR}), lambda by, order: by.gate.retry(order)),
    "reset": Rule(frozenset({_P.ERROR, _P.EMERGENCY}), Commands.reset),  # then stops
}
