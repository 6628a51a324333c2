"""Commands on their way in: checked for form here, judged by the engine.

The control plane knows what a command looks like and who may give it. Whether it is
legal now is the risk actor's decision alone; its answer is passed on word by word.
"""

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta

from actors.domain.live import LIVE, MODES, PAPER
from actors.domain.messages import Command, CommandAnswer, Role
from actors.domain.views import EngineView
from control.door.auth import Principal
from control.door.gate import Gate
from control.errors import Refused
from control.repeats import Repeats

Fraction = Annotated[float, Meta(gt=0, le=1)]
Price = Annotated[float, Meta(gt=0, le=1e12)]


class _Args(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The base of every command's arguments."""


A = TypeVar("A", bound=msgspec.Struct)


class NoArgs(_Args, frozen=True):
    """Nothing may be said with this command."""


class StartArgs(_Args, frozen=True):
    """What to start with."""

    preset: str
    mode: str = PAPER
    confirm: str = ""  # real money: LIVE


class HaltArgs(_Args, frozen=True):
    """Why everything is halted; a halt without a reason is still a halt."""

    reason: str = "no reason was given"


class ResetArgs(_Args, frozen=True):
    """The word that releases the kill switch; a reset from ERROR needs none."""

    confirm: str = ""


class SettleArgs(_Args, frozen=True):
    """What to do about a difference; `id` is the one that the preview showed."""

    symbol: str
    policy: str
    confirm: str  # the symbol again
    id: str | None = None
    stop: str | float | None = None  # of a position that is adopted


class SymbolArgs(_Args, frozen=True):
    """Which symbol actor."""

    symbol: str


class SymbolReleaseArgs(_Args, frozen=True):
    """Which symbol leaves quarantine, typed again."""

    symbol: str
    confirm: str = ""


class CloseArgs(_Args, frozen=True):
    """How much of which position, and at what price at worst; none: at market."""

    id: str
    fraction: str | Fraction = 1.0  # text keeps every digit
    limit_price: str | Price | None = None


class OrderArgs(_Args, frozen=True):
    """Which order, by its id or its name at the exchange."""

    id: str


class FlattenArgs(_Args, frozen=True):
    """The word that closes everything."""

    confirm: str = ""


class CommandBody(_Args, frozen=True):
    """POST /command."""

    command: str
    args: dict[str, Any] = {}


#: Every command, its arguments, and whether it makes the engine do less.
COMMANDS: dict[str, type[_Args]] = {
    "start": StartArgs,
    "stop": NoArgs,
    "pause": NoArgs,
    "resume": NoArgs,
    "reload": NoArgs,
    "emergency_stop": HaltArgs,
    "kill_switch": HaltArgs,
    "panic_exit": NoArgs,
    "time_stop": NoArgs,
    "reconcile": NoArgs,
    "settle": SettleArgs,
    "retry": NoArgs,
    "reset": ResetArgs,
    "symbol_pause": SymbolArgs,
    "symbol_resume": SymbolArgs,
    "symbol_restart": SymbolArgs,
    "symbol_release": SymbolReleaseArgs,
    "close_position": CloseArgs,
    "cancel_order": OrderArgs,
    "flatten": FlattenArgs,
    "scan": NoArgs,
}
#: They make the engine do less, and twice is once.
HALTING = frozenset(
    {
        "stop",
        "pause",
        "emergency_stop",
        "kill_switch",
        "panic_exit",
        "flatten",
        "symbol_pause",
    }
)


def read_body(raw: bytes) -> dict[str, Any]:
    """Read a JSON object; nothing at all is an empty one. Raises Refused 400."""
    if not raw.strip():
        return {}
    try:
        return msgspec.json.decode(raw, type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        msg = f"the body must be one JSON object: {error}"
        raise Refused(400, msg) from error


def typed(fields: dict[str, Any], kind: type[A], what: str) -> A:
    """Give fields their type; raises Refused 400 naming field and what is allowed."""
    try:
        return msgspec.convert(fields, kind)
    except msgspec.ValidationError as error:
        allowed = ", ".join(kind.__struct_encode_fields__) or "nothing"
        msg = f"{what}: {error}; allowed fields: {allowed}"
        raise Refused(400, msg) from error


class Commander:
    """Hands commands to the engine for whoever may give them."""

    def __init__(
        self, engine: EngineView, gate: Gate, now_ms: Callable[[], int]
    ) -> None:
        self._engine = engine
        self._gate = gate
        self._started_ms = now_ms()
        self._serial = 0
        self._repeats = Repeats()

    async def perform(
        self,
        name: str,
        fields: dict[str, Any],
        principal: Principal,
        key: str | None = None,
    ) -> CommandAnswer:
        """Perform once for each idempotency key; raises Refused."""
        act = partial(self._perform, name, fields, principal)
        if key is None:
            return await act()
        request = msgspec.json.encode([name, fields])
        return await self._repeats.once(
            (principal.id, key), request, act, harmless=name in HALTING
        )

    async def _perform(
        self, name: str, fields: dict[str, Any], principal: Principal
    ) -> CommandAnswer:
        """Check form and role, then let the engine decide; raises Refused."""
        self._gate.pace(principal, apart="halting" if name in HALTING else "")
        kind = COMMANDS.get(name)
        if kind is None:
            allowed = ", ".join(COMMANDS)
            raise Refused(400, f"command {name!r} is unknown; allowed: {allowed}")
        self._gate.permit(principal, Role.OPERATOR)
        args = typed(fields, kind, f"command {name!r}")
        if isinstance(args, StartArgs):
            self._check_mode(args.mode, principal)
        self._serial += 1
        command = Command(
            id=f"m-{self._started_ms}-{self._serial}",
            name=name,
            args=msgspec.to_builtins(args),
            principal=principal.id,
            role=principal.role,
        )
        return await self._engine.command(command)

    def _check_mode(self, mode: str, principal: Principal) -> None:
        if mode not in MODES:
            allowed = ", ".join(MODES)
            raise Refused(400, f"mode {mode!r} is unknown; allowed: {allowed}")
        if mode == LIVE:
            self._gate.permit(principal, Role.ADMIN)
