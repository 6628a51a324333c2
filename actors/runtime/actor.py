"""What an actor is: a thing that handles one message after another, alone."""

from typing import TYPE_CHECKING, Any, Generic, TypeVar

from actors.runtime.timers import Timer

if TYPE_CHECKING:
    from actors.runtime.actor_child import ActorChild
    from actors.runtime.ref import ActorRef
    from actors.runtime.supervisor import Supervisor

A = TypeVar("A")


class ActorContext:
    """What one incarnation of an actor knows of the world around it."""

    __slots__ = ("_child", "alive", "incarnation", "timers_pending")

    def __init__(self, child: "ActorChild") -> None:
        self._child = child
        self.alive = True
        self.incarnation = child.incarnation
        self.timers_pending = 0

    @property
    def ref(self) -> "ActorRef[Any]":
        """The actor's own address."""
        return self._child.ref

    @property
    def name(self) -> str:
        """The actor's name, unique in its tree."""
        return self._child.name

    @property
    def supervisor(self) -> "Supervisor":
        """The group this actor is a child of."""
        return self._child.group

    def send_after(self, seconds: float, message: object) -> Timer:
        """Tell this actor `message` later; the timer vanishes with the incarnation.

        Raises `TooManyTimers` when this actor already has too many pending.
        """
        return self._child.group.commons.timers.arm(self, seconds, message)

    def stop(self) -> None:
        """End this incarnation normally once the message at hand is handled.

        A permanent child is started again; a transient or temporary one has ended.
        """
        self._child.interrupt()


class Actor(Generic[A]):
    """Subclass, implement `handle`; one fresh instance lives per incarnation.

    Messages are handled one at a time and may await. An exception is a crash: the
    message becomes a dead letter, the rest of the mailbox is kept, and the supervisor
    decides whether a new instance goes on.
    """

    context: ActorContext

    async def on_start(self) -> None:
        """Make ready, within the spec's `start_seconds`; failing is a crash."""

    async def handle(self, message: A) -> None:
        """Handle one message."""
        raise NotImplementedError

    async def on_stop(self, reason: str) -> None:
        """Tidy up at the end of an incarnation, within `shutdown_seconds`.

        As OTP's `terminate`: called after a stop, a normal end and a crash of
        `handle`; not when `on_start` failed, nor when the actor was killed because it
        overran its shutdown deadline. Its own failure is reported and changes nothing.
        """

    def statistics(self) -> dict[str, int | float | str]:
        """Return the actor's own counters, shown in the tree."""
        return {}
