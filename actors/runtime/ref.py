"""The address of an actor: tell it, ask it, watch it; it stays valid over restarts."""

from collections.abc import Callable
from enum import Enum
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import msgspec
import trio

from actors.runtime.errors import AskRefused, AskTimeout
from actors.runtime.letters import DeadLetters
from actors.runtime.mailbox import M_contra, Mailbox, MailboxSpec

if TYPE_CHECKING:
    from actors.runtime.actor_child import ActorChild

R = TypeVar("R")


class ChildState(Enum):
    """Where a supervised child stands."""

    STARTING = "starting"
    RUNNING = "running"
    BACKOFF = "backoff"  # ended; will start again; its mailbox queues
    QUARANTINED = "quarantined"  # failed too often; needs a release
    STOPPING = "stopping"
    STOPPED = "stopped"
    FAILED = "failed"  # ended by a fault and will not start again


#: The states of a child that will not run again by itself.
ENDED = frozenset({ChildState.QUARANTINED, ChildState.STOPPED, ChildState.FAILED})


class Down(msgspec.Struct, frozen=True):
    """An incarnation of `name` has ended; `state` says what becomes of the child.

    `BACKOFF` means that it starts again (the watch goes on); `STOPPING` that its
    supervisor stopped it; the others are final.
    """

    name: str
    reason: str
    state: ChildState
    tag: Any = None


class RefStatistics(msgspec.Struct, frozen=True):
    """One actor's counters; every message told is in exactly one of them.

    told = messages + refused + conflated + dead_letters + fifo + urgent + latest
    + (1 while one is being handled). `peak` is the fifo depth seen between turns.
    """

    name: str
    state: ChildState
    fifo: int
    urgent: int
    latest: int
    peak: int
    messages: int
    refused: dict[str, int]
    conflated: int
    dead_letters: int
    restarts: int
    age_seconds: float
    last_error: str | None


class ReplyTo(Generic[R]):
    """A one-shot reply address; a second or late reply is a dead letter."""

    __slots__ = ("_answered", "_dead_letters", "_name", "_reply", "_settled")

    def __init__(self, name: str, dead_letters: DeadLetters) -> None:
        self._name = name
        self._dead_letters = dead_letters
        self._answered = trio.Event()
        self._settled: str | None = None
        self._reply: R | None = None

    def reply(self, value: R) -> bool:
        """Answer; False when nobody waits for it any more."""
        if self._settled is not None:
            self._dead_letters.add(self._name, self._settled, value)
            return False
        self._settled = "second_reply"
        self._reply = value
        self._answered.set()
        return True

    def arrive(self) -> None:
        """Hear that the question was handled: the reply may still come later."""

    def lost(self, reason: str) -> None:
        """Hear that the question will not be handled: the asker need not wait."""
        if self._settled is None:
            self._settled = f"lost: {reason}"
            self._answered.set()

    async def wait(self, deadline_seconds: float) -> R:
        """Return the reply; `AskTimeout` at the deadline, `AskRefused` if lost."""
        try:
            with trio.move_on_after(deadline_seconds):
                await self._answered.wait()
        finally:
            # Also when the asker is cancelled: whoever replies now is too late.
            settled = self._settled
            if settled is None:
                self._settled = "late_reply"
        if settled is None:
            text = f"{self._name} did not reply in {deadline_seconds} s; is it stuck?"
            raise AskTimeout(text)
        if settled != "second_reply":
            text = f"{self._name} did not handle the question ({settled}); ask again"
            raise AskRefused(text)
        self._settled = "second_reply"
        return self._reply  # type: ignore[return-value]  # R may be None


class Monitor:
    """One watch on an actor; `cancel` ends it."""

    __slots__ = ("_child", "tag", "watcher")

    def __init__(
        self, child: "ActorChild", watcher: "ActorRef[Any]", tag: object
    ) -> None:
        self._child = child
        self.watcher = watcher
        self.tag = tag

    def cancel(self) -> None:
        """Stop watching; harmless when repeated."""
        if self in self._child.monitors:
            self._child.monitors.remove(self)


class ActorRef(Mailbox[M_contra]):
    """How everyone else holds an actor.

    `tell`, `tell_urgent`, `tell_latest` and `tell_tracked` never block and never
    raise: a full mailbox must not crash the sender. `send` waits for room and is for
    feeds that want back-pressure. Two actors must never `ask` each other in a cycle.
    """

    __slots__ = ("child",)

    child: "ActorChild"

    def __init__(self, name: str, spec: MailboxSpec, dead_letters: DeadLetters) -> None:
        super().__init__(name, spec, dead_letters)

    async def send(self, message: M_contra) -> None:
        """Queue in order of arrival, waiting for room; a checkpoint only if it waits.

        Raises `AskRefused` when the actor has ended, also while waiting.
        """
        while len(self.fifo) >= self.room:
            if self.closed is not None:
                self._refuse(self.closed)
                text = f"{self.name} takes no messages: {self.closed}; release it first"
                raise AskRefused(text)
            if self.room_made is None:
                self.room_made = trio.Event()
            await self.room_made.wait()
        self.tell(message)

    async def ask(
        self, make: Callable[[ReplyTo[R]], M_contra], deadline_seconds: float
    ) -> R:
        """Tell a question made with its reply address, and wait for the reply.

        Raises `AskTimeout` at the deadline and `AskRefused` when the question was
        refused, crashed its handler or was lost with the actor.
        """
        reply_to: ReplyTo[R] = ReplyTo(self.name, self.dead_letters)
        self.tell_with_receipt(make(reply_to), reply_to)
        return await reply_to.wait(deadline_seconds)

    def monitor(self, watcher: "ActorRef[Any]", tag: object = None) -> Monitor:
        """Let `watcher` have a `Down` in its urgent lane at each end of this actor.

        Each incarnation's end counts, so a restart is told too. An actor that has
        already ended is told at once.
        """
        watch = Monitor(self.child, watcher, tag)
        if self.child.state in ENDED:
            reason = self.closed or self.child.state.value
            watcher.tell_urgent(Down(self.name, reason, self.child.state, tag))
        self.child.monitors.append(watch)
        return watch

    def statistics(self) -> RefStatistics:
        """Freeze the counters of this moment."""
        child = self.child
        return RefStatistics(
            name=self.name,
            state=child.state,
            fifo=len(self.fifo),
            urgent=len(self.urgent or ()),
            latest=len(self.latest or ()),
            peak=max(self.peak, len(self.fifo)),
            messages=child.handled,
            refused=dict(self.refused or {}),
            conflated=self.conflated,
            dead_letters=self.dead,
            restarts=child.restarts,
            age_seconds=child.age_seconds,
            last_error=child.last_error,
        )
