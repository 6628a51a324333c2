"""How a group of children lives: started in order, restarted, stopped in reverse.

It is OTP's contract on trio. What a nursery does with a failed task (cancel all, in no
order) is never used: children catch their own failures and *ask* what to do
(`child_ended`, no scheduler pass); only what concerns siblings is done by the group's
own task, one request at a time. Restarts of a group and the public verbs exclude each
other by a lock; the final stop takes no lock, it cancels what may hold it.

A child over its own budget is quarantined alone or escalates; a group over its budget
always escalates: it ends in order and raises `BudgetExhausted` to its own supervisor.
"""

from collections import deque
from collections.abc import Callable, Iterable
from typing import NamedTuple

import trio

from actors.runtime.budget import RestartWindow, next_pause_seconds, with_jitter
from actors.runtime.child import Child
from actors.runtime.commons import Commons
from actors.runtime.errors import BudgetExhausted
from actors.runtime.ref import ENDED, ChildState
from actors.runtime.report import Crash
from actors.runtime.spec import Budget, OnExhausted, Restart, Strategy, SupervisorSpec


class RestartRequest(NamedTuple):
    """A crashed child asks for its siblings to be restarted with it."""

    child: Child
    incarnation: int
    pause_seconds: float


class Group:
    """The children of one supervisor and what is done with them."""

    def __init__(self, spec: SupervisorSpec, commons: Commons) -> None:
        self.spec = spec
        self.name = spec.name
        self.commons = commons
        self.children: dict[str, Child] = {}
        self.state = ChildState.STARTING
        self.ended = trio.Event()
        # Bounded by one request per child: its task ends with it.
        self._requests: deque[RestartRequest] = deque()
        self._bell = trio.Event()
        self.lock = trio.Lock()
        self._work = trio.CancelScope()
        self.nursery: trio.Nursery | None = None
        self._window = RestartWindow(spec.group_budget)
        self._exhausted: str | None = None
        self._stop_reason = "stopped"

    @property
    def closing(self) -> bool:
        """The children are being stopped and no new one may start."""
        return self.state is ChildState.STOPPING or self.state in ENDED

    def request_stop(self, reason: str) -> None:
        """Ask for the ordered end of this group; `run` returns after it."""
        self._stop_reason = reason
        self._work.cancel()

    async def run(self, ready: Callable[[], None]) -> None:
        """Start the children, govern them until told to stop, stop them in reverse.

        Raises `BudgetExhausted` when the group, or an escalating child, failed more
        often than it may.
        """
        self._forgive()
        async with trio.open_nursery() as self.nursery:
            try:
                with self._work:
                    await self.start_in_order(self.children.values())
                    self.state = ChildState.RUNNING
                    ready()
                    await self._govern()
            finally:
                # Whatever ends the group, an order, a fault or a cancellation from
                # outside, its children end one by one.
                self.state = ChildState.STOPPING
                with trio.CancelScope(shield=True):
                    await self._stop_all()
                self._work = trio.CancelScope()
        if self._exhausted is not None:
            raise BudgetExhausted(self._exhausted)

    def close(self, state: ChildState, reason: str) -> None:
        """End for good: no child takes messages any more."""
        self.state = state
        for child in self.children.values():
            if child.state not in ENDED:
                child.close(state, reason)
        self.ended.set()

    def reopen(self) -> None:
        """Make all children ready for a fresh start."""
        self.state = ChildState.STARTING
        self.ended = trio.Event()
        for child in self.children.values():
            child.reopen()

    def child_ended(self, child: Child, crash: Crash | None) -> float | None:
        """Decide what becomes of a child whose incarnation ended by itself.

        Returns the pause in seconds before it starts again in its own task; None
        when its task must end, because it has ended, waits for its siblings'
        restart, or its whole group ends.
        """
        wanted = child.spec.restart is Restart.PERMANENT or (
            child.spec.restart is Restart.TRANSIENT and crash is not None
        )
        if not wanted:
            state = ChildState.FAILED if crash else ChildState.STOPPED
            child.close(state, "crashed" if crash else "ended")
            self.forget_if_dynamic(child)
            return None
        if self.closing or not self._within_budgets(child, crash):
            if child.state not in ENDED:
                child.set_state(ChildState.BACKOFF)
            return None
        pause = self._pause_before(child)
        if self.spec.strategy is Strategy.ONE_FOR_ONE:
            return pause
        child.set_state(ChildState.BACKOFF)
        self._requests.append(RestartRequest(child, child.incarnation, pause))
        self._bell.set()
        return None

    def _within_budgets(self, child: Child, crash: Crash | None) -> bool:
        """Count one restart; when it is too many, quarantine or escalate."""
        now = trio.current_time()
        if child.spec.budget is not None:
            if child.window is None:
                child.window = RestartWindow(child.spec.budget)
            if not child.window.allows_one_more(now):
                text = _exhausted(child.name, child.spec.budget, crash)
                if self.spec.on_child_exhausted is OnExhausted.QUARANTINE:
                    child.last_error = text
                    child.close(ChildState.QUARANTINED, "quarantined")
                else:
                    self._escalate(text)
                return False
        if not self._window.allows_one_more(now):
            self._escalate(_exhausted(self.name, self.spec.group_budget, crash))
            return False
        return True

    def _pause_before(self, child: Child) -> float:
        """Move the child's backoff one step and add jitter."""
        backoff = self.spec.backoff
        if child.age_seconds >= backoff.healthy_seconds:
            child.pause_seconds = None
        child.pause_seconds = next_pause_seconds(backoff, child.pause_seconds)
        return with_jitter(backoff, child.pause_seconds, self.commons.random)

    def _escalate(self, text: str) -> None:
        """End this group; its own supervisor will hear why."""
        self._exhausted = text
        self._work.cancel()

    def _forgive(self) -> None:
        """Enter a new life of the group with a clean record."""
        self.state = ChildState.STARTING
        self._exhausted = None
        self._requests.clear()
        self._window.clear()
        for child in self.children.values():
            child.forgive()

    async def start_in_order(self, children: Iterable[Child]) -> None:
        """Start children in order, each after its predecessor's start has settled.

        Independent siblings go on past one that failed; dependent ones wait for the
        restart it has asked for.
        """
        assert self.nursery is not None
        for child in tuple(children):
            if self.closing:
                return
            if not child.waits_for_start:
                continue
            await child.start(self.nursery)
            failed = child.state is ChildState.BACKOFF
            if failed and self.spec.strategy is not Strategy.ONE_FOR_ONE:
                return

    async def _govern(self) -> None:
        """Serve restart requests, one at a time, until the work is cancelled."""
        while True:
            if self._requests:
                await self._restart_group(self._requests.popleft())
            else:
                await self._bell.wait()
                self._bell = trio.Event()

    async def _restart_group(self, request: RestartRequest) -> None:
        """Stop those who depend on the crashed child, pause, start all in order."""
        child = request.child
        async with self.lock:
            if child.incarnation != request.incarnation or not child.waits_for_start:
                return  # An earlier request has restarted it already.
            affected = self._affected_by(child)
            for sibling in reversed(affected):
                if sibling.scope is not None:
                    await self._stop_for_restart(sibling, f"{child.name} crashed")
        # The lock is free during the pause, which may be a minute.
        await trio.sleep(request.pause_seconds)
        async with self.lock:
            await self.start_in_order(affected)

    async def _stop_for_restart(self, sibling: Child, reason: str) -> None:
        """Stop one sibling; its mailbox goes on queueing unless it will not return."""
        if not await sibling.stop(reason):
            sibling.close(ChildState.FAILED, "stuck")
        elif sibling.spec.restart is Restart.TEMPORARY:
            sibling.close(ChildState.STOPPED, "stopped")
            self.forget_if_dynamic(sibling)
        else:
            sibling.set_state(ChildState.BACKOFF)

    def _affected_by(self, child: Child) -> tuple[Child, ...]:
        """Return, in start order, those who restart when `child` crashed."""
        children = tuple(self.children.values())
        if self.spec.strategy is Strategy.REST_FOR_ONE:
            return children[children.index(child) :]
        return children

    async def _stop_all(self) -> None:
        """Stop all children, last started first, each within its deadline."""
        for child in reversed(tuple(self.children.values())):
            if child.scope is not None:
                stopped = await child.stop(self._stop_reason)
                if not stopped:
                    child.close(ChildState.FAILED, "stuck")
            if child.state in ENDED:
                continue
            if self.commons.closing:
                child.close(ChildState.STOPPED, "stopped")
            else:
                child.set_state(ChildState.BACKOFF)

    def forget_if_dynamic(self, child: Child) -> None:
        """Free a dynamic child's name: it has ended for good."""
        if child.dynamic:
            self.children.pop(child.name, None)
            self.commons.names.discard(child.name)


def _exhausted(name: str, budget: Budget, crash: Crash | None) -> str:
    """Say which budget was exceeded, and by what."""
    return (
        f"{name} failed more than {budget.intensity} times in"
        f" {budget.period_seconds} s, last with {crash or 'a normal end'};"
        " mend the cause, then release or restart it"
    )
