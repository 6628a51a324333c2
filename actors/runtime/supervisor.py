"""The supervisor as others see it: addresses, children that come and go, the tree."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from random import Random

import trio

from actors.runtime.actor_child import ActorChild
from actors.runtime.child import Child
from actors.runtime.commons import Commons
from actors.runtime.errors import BadChildSpec, NoSuchChild
from actors.runtime.group import Group
from actors.runtime.letters import DeadLetters
from actors.runtime.ref import ActorRef, ChildState
from actors.runtime.report import CrashReport, Reporter
from actors.runtime.spec import ChildSpec, SupervisorSpec
from actors.runtime.tree import TreeNode


class Supervisor(Group):
    """One group of the tree; names are looked for in nested groups as well.

    The verbs wait until they are done. A child's handler must not await a verb about
    its own actor or group: it would wait for itself until its shutdown deadline.
    """

    def __init__(self, spec: SupervisorSpec, commons: Commons) -> None:
        super().__init__(spec, commons)
        for child in spec.children:
            self.adopt(child, dynamic=False)

    def ref(self, name: str) -> ActorRef[object]:
        """Return an actor's address; `NoSuchChild` when there is none."""
        child = self._locate(name)[1]
        if not isinstance(child, ActorChild):
            text = f"{name} is a group and takes no messages; tell one of its actors"
            raise NoSuchChild(text)
        return child.ref

    async def start_child(
        self, spec: ChildSpec, group: str | None = None
    ) -> ActorRef[object]:
        """Add an actor to this group or a nested one; returns after its first start.

        Raises `BadChildSpec` for a name already taken or a full group, and
        `NoSuchChild` when the group is unknown or stopping.
        """
        target = self if group is None else self._nested(group)
        async with target.lock:
            if target.closing:
                text = f"{target.name} is {target.state.value}; it takes no children"
                raise NoSuchChild(text)
            child = target.adopt(spec, dynamic=True)
            # Before the group runs its own start finds the child in its table.
            if target.nursery is not None:
                await target.start_in_order([child])
        assert isinstance(child, ActorChild)
        return child.ref

    async def stop_child(self, name: str, reason: str = "stopped") -> None:
        """Stop a child for good; a dynamic one is forgotten and frees its name."""
        await self._put_away(name, ChildState.STOPPED, reason, "stopped")

    async def quarantine(self, name: str, reason: str) -> None:
        """Stop a child and put it aside until `release`."""
        await self._put_away(name, ChildState.QUARANTINED, reason, "quarantined")

    async def release(self, name: str) -> None:
        """Start a quarantined, stopped or failed child again, with a clean record."""
        await self.restart_child(name)

    async def restart_child(self, name: str) -> None:
        """Stop a child if it runs, and start it afresh with a clean record."""
        owner, child = self._locate(name)
        # Shielded, and bounded by the child's own deadlines: a caller cancelled half
        # way would leave the child stopped.
        with trio.CancelScope(shield=True):
            async with owner.lock:
                if child.scope is not None and not await child.stop("restarted"):
                    child.close(ChildState.FAILED, "stuck")
                    return
                if not owner.closing:
                    child.reopen()
                    await owner.start_in_order([child])

    def tree(self) -> TreeNode:
        """Freeze the whole tree below this group."""
        return self.picture(self.state, 0, None, 0.0)

    def picture(
        self,
        state: ChildState,
        restarts: int,
        last_error: str | None,
        age_seconds: float,
    ) -> TreeNode:
        """Freeze this group as its own supervisor knows it."""
        children = tuple(child.node() for child in self.children.values())
        return TreeNode(
            name=self.name,
            kind="supervisor",
            state=state,
            restarts=restarts,
            last_error=last_error,
            depth=sum(child.depth for child in children),
            messages=sum(child.messages for child in children),
            age_seconds=age_seconds,
            children=children,
        )

    def actors_in(self, group: str) -> dict[str, ActorChild]:
        """List the actors of a nested group by name; empty: there is no such group."""
        found = self.find(group)
        if found is None or not isinstance(found[1], GroupChild):
            return {}
        children = found[1].supervisor.children.items()
        return {n: child for n, child in children if isinstance(child, ActorChild)}

    async def wait(self) -> None:
        """Return when this group has ended for good."""
        await self.ended.wait()

    def find(self, name: str) -> "tuple[Supervisor, Child] | None":
        """Return a child of that name and the group it is in."""
        if name in self.children:
            return self, self.children[name]
        for child in self.children.values():
            if isinstance(child, GroupChild):
                found = child.supervisor.find(name)
                if found is not None:
                    return found
        return None

    def _locate(self, name: str) -> "tuple[Supervisor, Child]":
        """Find a child or raise `NoSuchChild`."""
        found = self.find(name)
        if found is None:
            text = f"{self.name} has no child {name!r}; see its tree for the names"
            raise NoSuchChild(text)
        return found

    def _nested(self, name: str) -> "Supervisor":
        """Find a nested group or raise `NoSuchChild`."""
        if name == self.name:
            return self
        child = self._locate(name)[1]
        if not isinstance(child, GroupChild):
            text = f"{name} is an actor, not a group; name a group to start a child in"
            raise NoSuchChild(text)
        return child.supervisor

    def adopt(self, spec: ChildSpec | SupervisorSpec, *, dynamic: bool) -> Child:
        """Enter a child in the table, under a name that is free in the whole tree."""
        names = self.commons.names
        if spec.name in names:
            text = f"child name is {spec.name!r}; it must be unique in its tree"
            raise BadChildSpec(text)
        if len(self.children) >= self.spec.children_max:
            text = (
                f"{self.name} has {len(self.children)} children; the limit is"
                f" children_max, {self.spec.children_max}; stop one first"
            )
            raise BadChildSpec(text)
        names.add(spec.name)
        make = ActorChild if isinstance(spec, ChildSpec) else GroupChild
        child: Child = make(spec, self, dynamic=dynamic)  # type: ignore[arg-type]  # `make` goes with the kind of spec
        self.children[spec.name] = child
        return child

    async def _put_away(
        self, name: str, state: ChildState, reason: str, closed: str
    ) -> None:
        """Stop a child and close its mailbox."""
        owner, child = self._locate(name)
        async with owner.lock:
            stopped = child.scope is None or await child.stop(reason)
            child.last_error = (
                reason if state is ChildState.QUARANTINED else child.last_error
            )
            if stopped:
                child.close(state, closed)
                if state is ChildState.STOPPED:
                    owner.forget_if_dynamic(child)
            else:
                child.close(ChildState.FAILED, "stuck")


class GroupChild(Child):
    """A group as the child of another group."""

    __slots__ = ("supervisor",)

    def __init__(
        self, spec: SupervisorSpec, group: Supervisor, *, dynamic: bool
    ) -> None:
        super().__init__(spec, group, dynamic=dynamic)
        self.supervisor = Supervisor(spec, group.commons)

    @property
    def depth(self) -> int:
        """Messages queued below."""
        return sum(child.depth for child in self.supervisor.children.values())

    async def begin(self) -> None:
        """Enter a new incarnation; the children start in `serve`."""
        self.count_incarnation()

    async def serve(self) -> None:
        """Run the group until it is told to stop or escalates."""
        await self.supervisor.run(self.running)

    def interrupt(self) -> None:
        """Ask for the ordered end of the group."""
        self.supervisor.request_stop(self.stop_reason or "stopped")

    def close(self, state: ChildState, reason: str) -> None:
        """End the group and all its children for good."""
        self.supervisor.close(state, reason)
        self.set_state(state)

    def reopen(self) -> None:
        """Make the whole group ready for a fresh start."""
        self.forgive()
        self.supervisor.reopen()
        self.set_state(ChildState.BACKOFF)

    def node(self) -> TreeNode:
        """Freeze the group and all below it."""
        return self.supervisor.picture(
            self.state, self.restarts, self.last_error, self.age_seconds
        )


@asynccontextmanager
async def run_supervisor(
    spec: SupervisorSpec,
    *,
    random: Random,
    reports: Callable[[CrashReport], None] | None = None,
    dead_letters: DeadLetters | None = None,
) -> AsyncIterator[Supervisor]:
    """Run a tree of actors while the body runs; then stop it in reverse order.

    Enters after the ordered start. When the top group's budget is exhausted the body
    is cancelled and `BudgetExhausted` is raised here; a KeyboardInterrupt from a
    handler comes out as itself.
    """
    commons = Commons(random, Reporter(reports), dead_letters or DeadLetters())
    top = Supervisor(spec, commons)
    started = trio.Event()
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(commons.timers.run)
            nursery.start_soon(_run_top, top, started)
            try:
                await started.wait()
                yield top
            finally:
                commons.closing = True
                top.request_stop("stopped")
                with trio.CancelScope(shield=True):
                    await top.wait()
                commons.timers.stop()
    except BaseExceptionGroup as group:
        fault = _the_one_fault(group)
        raise fault from fault.__cause__


async def _run_top(top: Supervisor, started: trio.Event) -> None:
    """Run the top group; however it ends, no mailbox stays open."""
    try:
        await top.run(started.set)
    finally:
        top.close(ChildState.STOPPED, "stopped")


def _the_one_fault(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Unwrap a group that holds one fault besides cancellations; Ctrl-C goes first."""
    faults = list(_leaves(group))
    for fault in faults:
        if isinstance(fault, KeyboardInterrupt | SystemExit):
            return fault
    real = [fault for fault in faults if not isinstance(fault, trio.Cancelled)]
    return real[0] if len(real) == 1 else group


def _leaves(group: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    """Flatten a group of exceptions."""
    leaves: list[BaseException] = []
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            leaves.extend(_leaves(error))
        else:
            leaves.append(error)
    return leaves
