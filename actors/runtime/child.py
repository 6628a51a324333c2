"""How one child lives: incarnation after incarnation, in one task of its own.

A crash is caught inside the child's own frame and the next incarnation starts in the
same task: 10 us, where starting a new task among a thousand busy ones takes 2 ms.
The rule rejected is the obvious one, a supervisor that waits for tasks to end.

The task sits in its own *shielded* scope: a nursery cancels its tasks in no order, so
the supervisor ends children itself, in reverse, by moving each scope's deadline.
Only `Exception` is caught, with `except*` because a handler may hold a nursery:
Cancelled and KeyboardInterrupt go on to whoever they are meant for.
"""

import math
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

import trio

from actors.runtime.budget import RestartWindow
from actors.runtime.ref import ChildState
from actors.runtime.report import Crash, CrashReport
from actors.runtime.spec import ChildSpec, SupervisorSpec

if TYPE_CHECKING:
    from actors.runtime.supervisor import Supervisor
    from actors.runtime.tree import TreeNode

#: How much longer than its deadline a killed child may take for shielded cleanup
#: before the supervisor calls it stuck and goes on to the next one.
STUCK_GRACE_SECONDS = 1.0


class Child(ABC):
    """The life of one child; `ActorChild` and `GroupChild` say what it does."""

    __slots__ = (
        "_changed",
        "_rest",
        "dynamic",
        "group",
        "incarnation",
        "last_error",
        "mourned",
        "name",
        "pause_seconds",
        "scope",
        "spec",
        "started_at",
        "state",
        "stop_reason",
        "window",
    )

    def __init__(
        self, spec: ChildSpec | SupervisorSpec, group: "Supervisor", *, dynamic: bool
    ) -> None:
        self.spec = spec
        self.name = spec.name
        self.group = group
        self.dynamic = dynamic
        self.state = ChildState.STARTING
        self.scope: trio.CancelScope | None = None  # None: no task
        self.incarnation = 0
        self.started_at = math.nan
        self.last_error: str | None = None
        self.stop_reason: str | None = None
        self.pause_seconds: float | None = None
        self.window: RestartWindow | None = None
        self.mourned = True
        self._rest: trio.CancelScope | None = None
        self._changed: trio.Event | None = None

    @property
    def restarts(self) -> int:
        """How many incarnations came before this one."""
        return max(self.incarnation - 1, 0)

    @property
    def age_seconds(self) -> float:
        """How long this incarnation has lived; 0 when none does."""
        return 0.0 if self.mourned else trio.current_time() - self.started_at

    @property
    @abstractmethod
    def depth(self) -> int:
        """Messages queued here and below."""

    @property
    def waits_for_start(self) -> bool:
        """Has no task, but is meant to have one."""
        waiting = self.state in {ChildState.STARTING, ChildState.BACKOFF}
        return waiting and self.scope is None

    async def start(self, nursery: trio.Nursery) -> None:
        """Start the task and wait until its first start has gone well or badly."""
        assert self.scope is None, f"{self.name} already has a task"
        self.scope = trio.CancelScope(shield=True)
        self.stop_reason = None
        self.set_state(ChildState.STARTING)
        nursery.start_soon(self.run, name=self.name)
        while self.state is ChildState.STARTING:
            await self._change()

    def request_stop(self, reason: str) -> None:
        """Ask the task to end after the message at hand, and set its deadline."""
        if self.scope is None or self.stop_reason is not None:
            return
        self.stop_reason = reason
        self.set_state(ChildState.STOPPING)
        self.scope.deadline = trio.current_time() + self.spec.shutdown_seconds
        if self._rest is not None:
            self._rest.cancel()
        self.interrupt()

    async def stop(self, reason: str) -> bool:
        """End the task within its deadline; False when it is stuck beyond it.

        The mailbox stays open: whoever stops a child decides what comes next.
        """
        self.request_stop(reason)
        with trio.move_on_after(self.spec.shutdown_seconds + STUCK_GRACE_SECONDS):
            while self.scope is not None:
                await self._change()
        if self.scope is None:
            return True
        text = f"still runs {STUCK_GRACE_SECONDS} s after it was cancelled"
        self._report("is stuck", Crash("Stuck", text, "?", 0, "?"))
        return False

    async def run(self) -> None:
        """Live: the body of the child's only task."""
        scope = self.scope
        assert scope is not None
        try:
            with scope:
                again = self.stop_reason is None
                while again:
                    crash = None
                    try:
                        await self.begin()
                        await self.serve()
                    except* Exception as fault:  # noqa: BLE001 - the supervisor's border
                        crash = Crash.of(fault)
                    again = await self._after(crash)
        finally:
            self._lie_down(killed=scope.cancelled_caught)

    def set_state(self, state: ChildState) -> None:
        """Move to `state` and tell whoever waits for a change."""
        self.state = state
        if self._changed is not None:
            self._changed.set()
            self._changed = None

    def count_incarnation(self) -> None:
        """Enter a new incarnation."""
        self.incarnation += 1
        self.started_at = trio.current_time()
        self.mourned = False
        if self.stop_reason is None:
            self.set_state(ChildState.STARTING)

    def running(self) -> None:
        """Note that the start went well, unless a stop came meanwhile."""
        if self.stop_reason is None:
            self.set_state(ChildState.RUNNING)

    def forgive(self) -> None:
        """Forget past failures: the next one is the first."""
        self.window = None
        self.pause_seconds = None

    @abstractmethod
    async def begin(self) -> None:
        """Make and start a new incarnation."""

    @abstractmethod
    async def serve(self) -> None:
        """Do the work until told to stop; raise on failure."""

    async def goodbye(self, reason: str, crash: Crash | None) -> None:  # noqa: B027 - a hook
        """Let the incarnation tidy up."""

    @abstractmethod
    def interrupt(self) -> None:
        """Make `serve` return soon."""

    def forget_interrupt(self) -> None:  # noqa: B027 - a hook
        """Take back an interruption that nobody was there to hear."""

    def mourn(self, reason: str) -> None:  # noqa: ARG002 - for those who watch
        """Count the incarnation as ended and tell those who watch it."""
        self.mourned = True

    @abstractmethod
    def close(self, state: ChildState, reason: str) -> None:
        """End for good: take no more messages."""

    @abstractmethod
    def reopen(self) -> None:
        """Take messages again after `close`; a start follows."""

    @abstractmethod
    def node(self) -> "TreeNode":
        """Freeze this child, and what is below it, for a picture of the tree."""

    def find(self, name: str) -> "Child | None":
        """Return the child of that name here or below."""
        return self if self.name == name else None

    async def _after(self, crash: Crash | None) -> bool:
        """Bury one incarnation; True when another one follows in this task."""
        if crash is not None:
            self.last_error = str(crash)
        reason = self.stop_reason or (f"crashed: {crash}" if crash else "normal")
        await self.goodbye(reason, crash)
        if self.stop_reason is not None:
            if crash is not None:
                self._report("failed while stopping with", crash)
            self.mourn(self.stop_reason)
            return False
        pause = self.group.child_ended(self, crash)
        if pause is not None:
            self.set_state(ChildState.BACKOFF)
        if crash is not None:
            self._report("failed with", crash, pause)
        self.mourn(reason)
        if pause:
            with trio.CancelScope(deadline=trio.current_time() + pause) as self._rest:
                await trio.sleep_forever()
            self._rest = None
        return pause is not None and self.stop_reason is None

    def _lie_down(self, *, killed: bool) -> None:
        """Leave nothing behind, however the task ended."""
        # A deadline of zero asks for the kill (OTP's brutal_kill): that is no fault.
        if killed and self.spec.shutdown_seconds > 0:
            self.last_error = f"killed after {self.spec.shutdown_seconds} s"
            self._report("was killed by", Crash("Killed", self.last_error, "?", 0, "?"))
        if not self.mourned:
            self.mourn("killed" if killed else "interrupted")
        self.forget_interrupt()
        self.scope = None
        self._rest = None
        if self.state in {ChildState.STARTING, ChildState.RUNNING}:
            # Ctrl-C or the like went through: nobody will decide for this child.
            self.close(ChildState.FAILED, "interrupted")
        self.set_state(self.state)

    async def _change(self) -> None:
        """Wait for the next change of state."""
        if self._changed is None:
            self._changed = trio.Event()
        await self._changed.wait()

    def _report(self, phase: str, crash: Crash, pause: float | None = None) -> None:
        """Say what happened and what follows."""
        routine = pause is not None
        outcome = f"restarts in {pause:.3f} s" if routine else self.state.value
        report = CrashReport(
            actor=self.name,
            phase=phase,
            crash=crash,
            outcome=outcome,
            incarnation=self.incarnation,
            restarts=self.restarts,
            depth=self.depth,
        )
        self.group.commons.reporter.give(report, routine=routine)
