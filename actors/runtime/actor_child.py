"""A supervised actor: its instance, its mailbox, and the loop between the two."""

from collections import deque
from typing import Any, cast

import trio
from trio.lowlevel import current_task, wait_task_rescheduled

from actors.runtime.actor import Actor, ActorContext
from actors.runtime.child import Child
from actors.runtime.errors import StartTimeout
from actors.runtime.mailbox import Tracked
from actors.runtime.ref import ENDED, ActorRef, ChildState, Down, Monitor
from actors.runtime.report import Crash
from actors.runtime.spec import ChildSpec
from actors.runtime.tree import Counters, TreeNode

#: In the urgent lane: end after the message at hand.
STOP = object()
#: No message is being handled.
NOTHING = object()


class ActorChild(Child):
    """The life of one actor."""

    __slots__ = ("_actor", "_context", "_current", "handled", "monitors", "ref")

    def __init__(self, spec: ChildSpec, group: Any, *, dynamic: bool) -> None:
        super().__init__(spec, group, dynamic=dynamic)
        self.ref: ActorRef[Any] = ActorRef(
            spec.name, spec.mailbox, group.commons.dead_letters
        )
        self.ref.child = self
        self.handled = 0
        self.monitors: list[Monitor] = []
        self._actor: Actor[Any] | None = None
        self._context: ActorContext | None = None
        self._current: object = NOTHING

    @property
    def depth(self) -> int:
        """Messages queued in all lanes."""
        return self.ref.depth

    async def begin(self) -> None:
        """Make a new instance and start it within the spec's limit."""
        self.count_incarnation()
        spec = cast("ChildSpec", self.spec)
        actor = spec.factory()
        actor.context = self._context = ActorContext(self)
        # The scope costs 5 us, which most actors need not pay at each restart.
        if type(actor).on_start is not Actor.on_start:
            with trio.move_on_after(spec.start_seconds) as limit:
                await actor.on_start()
            if limit.cancelled_caught:
                text = f"{self.name}: on_start took more than {spec.start_seconds} s"
                raise StartTimeout(text)
        # Only an actor whose start went well is told to stop.
        self._actor = actor
        self.running()

    async def serve(self) -> None:
        """Drain the mailbox in snapshots, urgent messages between all others.

        A snapshot, not a small fixed budget: with many senders a budget of 64 let the
        queue grow to 87,000 where a snapshot held it at 1,000.
        """
        assert self._actor is not None
        ref, task, handle = self.ref, current_task(), self._actor.handle
        fifo = ref.fifo
        while True:
            for _ in range(ref.snapshot()):
                if ref.urgent and await self._serve_urgent():
                    return
                self._current = message = fifo.popleft()
                if message.__class__ is Tracked:
                    await handle(message.message)
                    message.receipt.arrive()
                else:
                    await handle(message)
                self.handled += 1
            self._current = NOTHING
            if ref.falls_asleep(task):
                await wait_task_rescheduled(ref.abort)
            elif await self._serve_rare():
                return

    async def goodbye(self, reason: str, crash: Crash | None) -> None:
        """Lose the message at hand, then let the instance tidy up."""
        if crash is not None and self._current is not NOTHING:
            message, self._current = self._current, NOTHING
            self.ref.lose(message, "crashed")
        actor, self._actor = self._actor, None
        if actor is None or type(actor).on_stop is Actor.on_stop:
            return
        failure = None
        try:
            with trio.move_on_after(self.spec.shutdown_seconds):
                await actor.on_stop(reason)
        except* Exception as fault:  # noqa: BLE001 - the supervisor's border
            failure = Crash.of(fault)
        if failure is not None:
            self._report("failed in on_stop with", failure)

    def interrupt(self) -> None:
        """Put the stop before everything else in the mailbox."""
        if self.ref.urgent is None:
            self.ref.urgent = deque()
        # Past the lane's bound: a full lane must not outlive its actor.
        self.ref.urgent.appendleft(STOP)
        self.ref.wake()

    def forget_interrupt(self) -> None:
        """Take back a stop that was not needed: it is no message to be counted."""
        urgent = self.ref.urgent
        while urgent and urgent[0] is STOP:
            urgent.popleft()

    def mourn(self, reason: str) -> None:
        """End the incarnation: its timers vanish, its watchers are told."""
        self.mourned = True
        if self._context is not None:
            self._context.alive = False
            self._context = None
        self._actor = None
        if self._current is not NOTHING:
            message, self._current = self._current, NOTHING
            self.ref.lose(message, reason)
        self.forget_interrupt()
        for monitor in tuple(self.monitors):
            down = Down(self.name, reason, self.state, monitor.tag)
            monitor.watcher.tell_urgent(down)

    def close(self, state: ChildState, reason: str) -> None:
        """Refuse messages from now on; what is queued becomes dead letters."""
        assert state in ENDED
        self.ref.close(reason)
        if self.scope is not None:
            # It is stuck: should it come back, it must still find its stop.
            self.interrupt()
        self.set_state(state)

    def reopen(self) -> None:
        """Take messages again with a clean record."""
        self.forgive()
        self.ref.reopen()
        self.set_state(ChildState.BACKOFF)

    def node(self) -> TreeNode:
        """Freeze the actor's counters."""
        return TreeNode(
            name=self.name,
            kind="actor",
            state=self.state,
            restarts=self.restarts,
            last_error=self.last_error,
            depth=self.depth,
            messages=self.handled,
            age_seconds=self.age_seconds,
            counters=self._counters(),
            capacity=cast("ChildSpec", self.spec).mailbox.capacity,
        )

    def _counters(self) -> Counters:
        """Ask the actor for its own counters; its fault must not hide the tree."""
        if self._actor is None:
            return {}
        try:
            return dict(self._actor.statistics())
        except Exception as fault:  # noqa: BLE001 - the supervisor's border
            return {"statistics_failed": str(Crash.of(fault))}

    async def _serve_rare(self) -> bool:
        """Drain a snapshot of the rarer lanes, then let others run; True to stop."""
        if await self._serve_urgent():
            return True
        for _ in range(len(self.ref.latest or ())):
            # Read again each time: an await may have seen the lane closed.
            latest = self.ref.latest
            if not latest:
                break
            await self._handle_one(latest.popitem(last=False)[1])
            if self.ref.urgent and await self._serve_urgent():
                return True
        await trio.lowlevel.checkpoint()
        return False

    async def _serve_urgent(self) -> bool:
        """Drain a snapshot of the urgent lane; True when told to stop."""
        for _ in range(len(self.ref.urgent or ())):
            urgent = self.ref.urgent
            if not urgent:
                break
            message = urgent.popleft()
            if message is STOP:
                # The fifo message before this one was handled, not lost.
                self._current = NOTHING
                return True
            await self._handle_one(message)
        return False

    async def _handle_one(self, message: Any) -> None:
        """Handle one message of the rarer lanes."""
        assert self._actor is not None
        self._current = message
        await self._actor.handle(message)
        self.handled += 1
        self._current = NOTHING
