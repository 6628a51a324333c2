"""The conductor: brings market and symbols up at start, and down at stop, in order.

The risk actor owns the state; the conductor owns the children. It asks the risk actor
first, acts, and reports back, so that no child runs in a state that forbids it. One
mailbox makes lifecycle commands serial.
"""

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import msgspec
import structlog
import trio

from actors.choice import Choice
from actors.domain.errors import EngineError
from actors.domain.live import CONFIRMATION
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
from actors.runtime.clock import Clock
from actors.runtime.errors import RuntimeFault
from config.errors import ConfigError
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
        wall: Clock,
    ) -> None:
        super().__init__()
        self._choice = choice
        self._root = root
        self._cast = cast
        self._over = over
        self._wall = wall
        self._running = running  # children in their start order; outlives a restart
        self._waits = False  # to rouse again
        self._not_before = 0.0  # a start has failed: rouse no sooner

    async def on_start(self) -> None:
        """Rouse after a crash: it may have come between, and its timer is lost."""
        if self.context.incarnation > 1:
            self.context.ref.tell(Rouse())

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
        if FEED in self._running or self._waits:
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
        answer, failed = self._unanswered(command, ""), ""
        ran = bool(self._running)
        try:
            answer = await self._risk().ask(
                lambda reply: Begin(command, wanted, timeframe_ms, reply, to_flatten),
                ANSWER_SECONDS,
            )
            if answer.ok and cast is not None:
                if self._running:  # left by a crash, or by a stop that nobody heard of
                    await self._take_down("begins anew")
                failed = await self._recovered() or await self._bring_up(cast)
        except RuntimeFault as fault:  # of an ask: what it asked for may still come
            failed = str(fault)
        if not failed:
            return answer
        failed = f"start failed: {failed}"
        if answer.ok or not ran:  # else what runs goes on
            self._not_before = trio.current_time() + ROUSE_SECONDS
            self._risk().tell(BeginFailed(failed))
            if self._running:
                await self._take_down("start failed")
        return msgspec.structs.replace(answer, ok=False, code=503, message=failed)

    def _unanswered(self, command: Command, why: str) -> CommandAnswer:
        return CommandAnswer(command.id, False, 503, why, self._wall.now_ms())

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
        preset = self._choice.of(command)
        if isinstance(preset, str):
            return preset, None
        try:
            return preset, self._cast(preset)
        except (ConfigError, EngineError) as error:
            return str(error), None

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
        command = request.command
        make = partial(SymbolTended, command, *await self._tended(command))
        request.reply.reply(await self._asked(command, make))

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
        return await self._asked(command, partial(CommandRequest, command))

    async def _asked(
        self, command: Command, make: Callable[[ReplyTo[CommandAnswer]], Any]
    ) -> CommandAnswer:
        try:
            answer: CommandAnswer = await self._risk().ask(make, ANSWER_SECONDS)
        except RuntimeFault as fault:  # it may still be carried out, and ordered again
            answer = self._unanswered(command, str(fault))
        return answer

    async def _take_down(self, reason: str) -> None:
        supervisor = self._root()
        while self._running:
            await supervisor.stop_child(self._running.pop(), reason)
        with suppress(RuntimeFault):  # it comes late, or the next start makes it good
            await self._risk().ask(lambda reply: Ended(reason, reply), ANSWER_SECONDS)

    async def _market_over(self) -> None:
        """Stop because there is nothing left to trade."""
        over = Command("market-over", "stop", {}, "feed", Role.OPERATOR)
        await self._ask_risk(over)
        await self._take_down("the market is over")
        self._over()
