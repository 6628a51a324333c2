"""The conductor: brings market and symbols up at start, and down at stop, in order.

The risk actor owns the state; the conductor owns the children. It asks the risk actor
first, acts, and reports back, so that no child runs in a state that forbids it. One
mailbox makes lifecycle commands serial.
"""

from collections.abc import Callable
from typing import Any

import msgspec
import structlog
import trio

from actors.domain.errors import EngineError
from actors.domain.live import CONFIRMATION, LIVE
from actors.domain.messages import Command, CommandAnswer, Role
from actors.risk.truth.requests import (
    Began,
    Begin,
    BeginFailed,
    CommandRequest,
    Ended,
    Recover,
    SymbolTended,
)
from actors.runtime import (
    Actor,
    ActorRef,
    ChildSpec,
    ChildState,
    ReplyTo,
    Supervisor,
)
from actors.runtime.errors import RuntimeFault
from config.errors import ConfigError
from config.library import PresetLibrary
from config.preset import Preset

log = structlog.get_logger(component="conductor")

ANSWER_SECONDS = 5.0
#: The exchange's truth is waited for so long before a start has failed.
RECOVERY_SECONDS = 60.0
AGAIN_SECONDS = 2.0
#: What could not be brought up to flatten is tried again so soon.
ROUSE_SECONDS = 30.0
#: After these, nothing runs: the feed that flattened under a kill switch ends too.
ENDING = frozenset({"stop", "reset"})
#: These start one symbol's actor again.
TENDING = frozenset({"symbol_restart", "symbol_release"})
FEED = "feed"


class Lifecycle(msgspec.Struct, frozen=True):
    """A command that starts or stops children, with the address of its answer."""

    command: Command
    reply: ReplyTo[CommandAnswer]


class Rouse(msgspec.Struct, frozen=True):
    """Bring market and symbols up, for the kill switch tripped where nothing runs."""

    again: bool = False  # by our own timer


class MarketOver(msgspec.Struct, frozen=True):
    """The feed has walked to the end of its market."""


class Cast(msgspec.Struct, frozen=True):
    """The children of one start: specs of the symbol actors, then of the feed."""

    symbols: list[ChildSpec]
    feed: Callable[[list[ActorRef[Any]]], ChildSpec]
    timeframe_ms: int


class Choice(msgspec.Struct, frozen=True):
    """What a start is made from, unless it says otherwise."""

    preset: str  # given on the command line: a name or a path
    mode: str
    library: PresetLibrary


class Conductor(Actor[Any]):
    """Starts and stops what a running engine consists of."""

    def __init__(
        self,
        root: Callable[[], Supervisor],
        cast: Callable[[Preset], Cast],
        choice: Choice,
        *,
        running: list[str],
        over: Callable[[], None],
    ) -> None:
        super().__init__()
        self._preset, self._library = choice.preset, choice.library
        self._mode = choice.mode
        self._root = root
        self._cast = cast
        self._over = over
        self._running = running  # children in their start order; outlives a restart
        self._waits = False  # to rouse again
        self._not_before = 0.0  # a start has failed: rouse no sooner

    async def handle(self, message: Any) -> None:
        """Carry out one lifecycle command, one after another."""
        if isinstance(message, MarketOver):
            await self._market_over()
            return
        if isinstance(message, Rouse):
            await self._rouse(message)
            return
        assert isinstance(message, Lifecycle), f"{message!r} is not for the conductor"
        if message.command.name == "start":
            await self._start(message)
        elif message.command.name in TENDING:
            await self._tend(message)
        else:
            assert message.command.name in ENDING, f"{message!r} is not for us"
            await self._stop(message)

    def _risk(self) -> ActorRef[Any]:
        return self._root().ref("risk")

    # --- start --------------------------------------------------------------------

    async def _start(self, request: Lifecycle) -> None:
        """Start by command."""
        request.reply.reply(await self._begin(request.command))

    async def _rouse(self, rouse: Rouse) -> None:
        """Start only to flatten; the risk actor asks again for what did not come up."""
        if rouse.again:
            self._waits = False
        if self._running or self._waits:
            return
        pause_seconds = self._not_before - trio.current_time()
        if pause_seconds > 0:
            self._waits = True
            self.context.send_after(pause_seconds, Rouse(again=True))
            return
        said = {"confirm": CONFIRMATION}  # to flatten; whoever began has confirmed
        command = Command("rouse", "start", said, "kill switch", Role.ADMIN)
        await self._begin(command, to_flatten=True)

    async def _begin(
        self, command: Command, *, to_flatten: bool = False
    ) -> CommandAnswer:
        """Ask for INITIALIZING, bring the children up, tell the risk actor."""
        wanted, cast = self._wanted(command)
        timeframe_ms = 0 if cast is None else cast.timeframe_ms
        answer: CommandAnswer = await self._risk().ask(
            lambda reply: Begin(command, wanted, timeframe_ms, reply, to_flatten),
            ANSWER_SECONDS,
        )
        if answer.ok and cast is not None:
            failed = await self._recovered() or await self._bring_up(cast)
            if failed:
                self._not_before = trio.current_time() + ROUSE_SECONDS
                failed = f"start failed: {failed}"
                self._risk().tell(BeginFailed(failed))
                if self._running:
                    await self._take_down("start failed")
                return msgspec.structs.replace(
                    answer, ok=False, code=503, message=failed
                )
        return answer

    async def _recovered(self) -> str:
        """Have the exchange's truth told, again while there is time; what lacks."""
        end = trio.current_time() + RECOVERY_SECONDS
        while True:
            unsettled: str = await self._risk().ask(Recover, RECOVERY_SECONDS)
            if not unsettled or trio.current_time() + AGAIN_SECONDS >= end:
                return unsettled
            await trio.sleep(AGAIN_SECONDS)

    def _wanted(self, command: Command) -> tuple[Preset | str, Cast | None]:
        """Load what is to be started, or say why it cannot be."""
        refused = self._unfit(command)
        if refused:
            return refused, None
        name = str(command.args.get("preset", self._preset))
        names = self._library.names()
        if name != self._preset and name not in names:
            # A path from outside would let a client feel its way through our files.
            return f"no preset {name!r}; known: {', '.join(names)}", None
        try:
            # Read at each start: what was saved meanwhile applies from here on.
            preset = self._library.find(name)
            return preset, self._cast(preset)
        except (ConfigError, EngineError) as error:
            return str(error), None

    def _unfit(self, command: Command) -> str:
        """Say what is wrong with how a start was asked for; empty: nothing."""
        mode = command.args.get("mode", self._mode)
        if mode != self._mode:
            return f"mode {mode!r} is not possible here; allowed: {self._mode}"
        unknown = set(command.args) - {"preset", "mode", "confirm"}
        if unknown:
            return f"unknown arguments {sorted(unknown)}; allowed: preset, mode"
        said = command.args.get("confirm", "")
        if mode == LIVE and said != CONFIRMATION:
            return f"real money: send confirm = {CONFIRMATION!r} to start"
        return ""

    async def _bring_up(self, cast: Cast) -> str:
        """Start the children; returns why that failed, empty: it did not."""
        supervisor = self._root()
        try:
            refs = []
            for spec in cast.symbols:
                refs.append(await supervisor.start_child(spec, "symbols"))
                self._running.append(spec.name)
            for ref, spec in zip(refs, cast.symbols, strict=True):
                ref.monitor(self._risk(), spec.name)
            feed = cast.feed(refs)
            self._risk().tell(Began(len(refs)))
            ref = await supervisor.start_child(feed, "market")
            self._running.append(feed.name)
            ref.monitor(self._risk())
        except (RuntimeFault, EngineError) as error:
            return str(error)
        return ""

    # --- one symbol ---------------------------------------------------------------

    async def _tend(self, request: Lifecycle) -> None:
        """Start one symbol's actor again; the risk actor has the last word."""
        told = await self._tended(request.command)
        answer: CommandAnswer = await self._risk().ask(
            lambda reply: SymbolTended(request.command, *told, reply), ANSWER_SECONDS
        )
        request.reply.reply(answer)

    async def _tended(self, command: Command) -> tuple[str, str, str, str]:
        """Act, and say the actor's state before and after, what was done or why not."""
        symbol, release = command.args.get("symbol"), command.name == "symbol_release"
        runs = symbol in self._running and symbol != FEED
        found = self._root().find(str(symbol)) if runs else None
        before = "stopped" if found is None else found[1].state.value
        if release and command.args.get("confirm") != symbol:
            typed = command.args.get("confirm")
            refused = f"{command.name}: confirm is {typed!r}; it must be {symbol!r}"
            return before, before, "", refused
        if found is None:
            refused = "" if release else f"symbol_restart: no actor of {symbol!r} runs"
            return before, before, "", refused
        child = found[1]
        quarantined = child.state is ChildState.QUARANTINED
        if release and not quarantined:
            return before, before, "", ""
        if quarantined and not release:
            refused = (
                f"symbol_restart: {symbol} is quarantined; symbol_release frees it"
            )
            return before, before, "", refused
        await self._root().restart_child(child.name)
        after = child.state.value
        if child.state is not ChildState.RUNNING:
            refused = f"{command.name}: {symbol} is {after}: {child.last_error}"
            return before, after, "", refused
        did = "is released from quarantine" if release else "is started again"
        return before, after, f"{symbol} {did}, with a clean record", ""

    # --- stop ---------------------------------------------------------------------

    async def _stop(self, request: Lifecycle) -> None:
        """Ask for STOPPED or IDLE, end the children in reverse, tell the risk actor."""
        answer = await self._ask_risk(request.command)
        if answer.ok:
            await self._take_down(answer.message)
        request.reply.reply(answer)

    async def _ask_risk(self, command: Command) -> CommandAnswer:
        answer: CommandAnswer = await self._risk().ask(
            lambda reply: CommandRequest(command, reply), ANSWER_SECONDS
        )
        return answer

    async def _take_down(self, reason: str) -> None:
        supervisor = self._root()
        while self._running:
            await supervisor.stop_child(self._running.pop(), reason)
        await self._risk().ask(lambda reply: Ended(reason, reply), ANSWER_SECONDS)

    async def _market_over(self) -> None:
        """Stop because there is nothing left to trade."""
        over = Command("market-over", "stop", {}, "feed", Role.OPERATOR)
        await self._ask_risk(over)
        await self._take_down("the market is over")
        self._over()
