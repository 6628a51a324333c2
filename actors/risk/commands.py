"""What people and programs may order, when, and what it does: one table.

A command that the state does not allow changes nothing and says what is allowed.
Halting works in every state. Every command is journalled with its before and after.
"""

from collections.abc import Awaitable, Callable
from typing import NamedTuple

import msgspec

from actors.domain.crash_points import CrashPoint
from actors.domain.messages import Command, CommandAnswer
from actors.domain.phases import RUNNING_PHASES, KillPhase, Phase
from actors.domain.views import CommandState
from actors.journal import AuditRecord, Kind
from actors.risk.account.desk import Desk
from actors.risk.holding.protection import Protection
from actors.risk.kill.killswitch import Kill
from actors.risk.orders.orders import OrderBook
from actors.risk.orders.records import GateChanged
from actors.risk.truth.policies import Policies
from actors.risk.truth.requests import Refusal
from actors.runtime.crash import reached
from config.errors import ConfigError
from config.load import load_preset, preset_names

MINUTE_MS = 60_000
#: What a person types to release the kill switch.
CONFIRMATION = "RESET"
HALTABLE = RUNNING_PHASES | {Phase.ERROR}


class Rule(NamedTuple):
    """Where a command is allowed, and who carries it out (None: the conductor)."""

    phases: frozenset[Phase]
    act: Callable[["Commands", Command], Awaitable[str]] | None


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
        self._orders = orders
        self._protection = protection
        self._kill = kill
        self.policies = policies

    async def carry_out(self, command: Command) -> CommandAnswer:
        """Judge, act, journal, answer."""
        before = self._desk.machine.phase
        try:
            rule = self._rule(command.name)
            self._require(command.name)
            assert rule.act is not None, f"{command.name} belongs to the conductor"
            message, ok = await rule.act(self, command), True
        except Refusal as refusal:
            message, ok = str(refusal), False
        return self.answer(command, before, message, ok=ok)

    def answer(
        self, command: Command, before: Phase, message: str, *, ok: bool
    ) -> CommandAnswer:
        """Audit a command's end and make its answer."""
        desk = self._desk
        asked = msgspec.json.encode(command.args).decode()
        desk.append(
            Kind.AUDIT,
            AuditRecord(
                who=f"{command.principal} as {command.role}",
                what=f"{command.name} {asked} id {command.id}",
                before=before,
                after=desk.machine.phase,
                result=f"{'done' if ok else 'refused'}: {message}",
            ),
        )
        wall_ms = desk.ports.wall.now_ms()
        return CommandAnswer(command.id, ok, 200 if ok else 400, message, wall_ms)

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
        halted = phase in {Phase.ERROR, Phase.EMERGENCY}
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

    async def stop(self, _command: Command) -> str:
        """Close the gate, cancel entries, and move to STOPPED."""
        desk, state = self._desk, self._desk.state
        state.gate_open = state.pause_wanted = False
        reached(CrashPoint.STOP_GATE_CLOSED)
        await self._kill.cancel_entries()
        desk.machine.move(Phase.STOPPED, "stop requested")
        held = len(state.book.positions)
        if held:
            return f"stopped; {held} open positions keep their stops at the exchange"
        return "stopped; no open position"

    async def pause(self, _command: Command) -> str:
        """Close the gate at once; the state follows at the next legal edge."""
        desk, state = self._desk, self._desk.state
        if desk.machine.phase is Phase.PAUSED:
            return "already paused"
        state.gate_open = False
        state.pause_wanted = True
        desk.account(GateChanged(paused=True))
        desk.lead("pause requested")
        return "paused: no new entries; open positions stay managed"

    async def resume(self, _command: Command) -> str:
        """Open the gate again."""
        desk, state = self._desk, self._desk.state
        if state.book.kill is not None:
            msg = "resume refused: the kill switch is latched; reset it first"
            raise Refusal(msg)
        state.pause_wanted = False
        state.gate_open = True
        desk.account(GateChanged(paused=False))
        if desk.machine.phase is Phase.PAUSED:
            back = Phase.MANAGING if state.book.positions else Phase.SCANNING
            desk.machine.move(back, "resume requested")
        return f"resumed: {desk.machine.phase}"

    async def retry(self, _command: Command) -> str:
        """Leave ERROR for work."""
        desk, state = self._desk, self._desk.state
        if not state.running:
            msg = "retry refused: no market runs; reset, then start"
            raise Refusal(msg)
        back = Phase.MANAGING if state.book.positions else Phase.SCANNING
        if desk.book.kill is None:  # a halt that a crash had forgotten
            desk.ports.halt.reason = None
        desk.machine.move(back, "retry requested")
        state.gate_open = True
        desk.account(GateChanged(paused=False))
        return f"retrying: {back}"

    async def reset(self, command: Command) -> str:
        """Leave ERROR to IDLE, or release a latched kill switch by a typed word."""
        desk, state = self._desk, self._desk.state
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
        """Read every shipped preset again; they are applied at the next start."""
        names = preset_names()
        try:
            for name in names:
                load_preset(name)
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
        at_rest = desk.machine.phase in {Phase.IDLE, Phase.STOPPED}
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

    async def panic_exit(self, _command: Command) -> str:
        """Close every position at market; nothing else changes."""
        held = list(self._desk.book.positions.values())
        for position in held:
            await self._protection.close(position, "panic_exit")
        return f"closing {len(held)} positions at market"

    async def time_stop(self, command: Command) -> str:
        """Close what has been held for `minutes` (the preset's stall time) or more."""
        stall_hours = self._desk.preset.position_config.exit_rules.stall_hours
        minutes = command.args.get("minutes", float(stall_hours * 60))
        if not isinstance(minutes, int | float) or minutes < 0:
            msg = f"time_stop: minutes is {minutes!r}; it must be a number, 0 or more"
            raise Refusal(msg)
        oldest_ms = self._desk.now_ms - minutes * MINUTE_MS
        held = [
            position
            for position in self._desk.book.positions.values()
            if position.opened_ms <= oldest_ms
        ]
        for position in held:
            await self._protection.close(position, "time_stop")
        return f"closing {len(held)} positions held {minutes:g} minutes or longer"

    async def settle(self, command: Command) -> str:
        """Do what a person has decided about a difference."""
        return await self.policies.settle(command)


_P = Phase
RULES: dict[str, Rule] = {
    "start": Rule(frozenset({_P.IDLE, _P.STOPPED}), None),
    "stop": Rule(HALTABLE, Commands.stop),
    "pause": Rule(RUNNING_PHASES - {_P.INITIALIZING}, Commands.pause),
    "resume": Rule(RUNNING_PHASES, Commands.resume),
    "reload": Rule(frozenset({_P.IDLE, _P.STOPPED}), Commands.reload),
    "emergency_stop": Rule(frozenset(Phase), Commands.kill_switch),
    "kill_switch": Rule(frozenset(Phase), Commands.kill_switch),
    "panic_exit": Rule(HALTABLE, Commands.panic_exit),
    "time_stop": Rule(HALTABLE, Commands.time_stop),
    "reconcile": Rule(frozenset(Phase), Commands.reconcile),
    "settle": Rule(frozenset(Phase), Commands.settle),
    "retry": Rule(frozenset({_P.ERROR}), Commands.retry),
    "reset": Rule(frozenset({_P.ERROR, _P.EMERGENCY}), Commands.reset),  # then stops
}
