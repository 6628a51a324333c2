"""No message is ever lost without a counted reason, whatever happens to its actor."""

from typing import Any

import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock, wait_all_tasks_blocked

from actors.runtime import (
    ActorRef,
    Backoff,
    Budget,
    Latch,
    MailboxSpec,
    Overflow,
    Strategy,
    Supervisor,
)
from tests.unit.scripted_actors import Scripted, World, block, crash

STEPS = st.sampled_from(
    [
        "tell",
        "urgent",
        "latest",
        "tracked",
        "crash",
        "urgent crash",
        "tracked crash",
        "block",
        "sleep in handler",
        "pause",
        "settle",
        "restart",
        "quarantine",
        "release",
    ]
)


async def sleep_a_little(_actor: Scripted) -> None:
    await trio.sleep(0.5)


FIFO: dict[str, object] = {
    "tell": "message",
    "crash": crash,
    "block": block,
    "sleep in handler": sleep_a_little,
}


class Sender:
    """Applies steps to one actor and counts what it has sent."""

    def __init__(self, supervisor: Supervisor, name: str) -> None:
        self.supervisor = supervisor
        self.name = name
        self.ref: ActorRef[Any] = supervisor.ref(name)
        self.latch = Latch()
        self.told = 0
        self.refused = 0

    def send(self, accepted: object) -> None:
        self.told += 1
        self.refused += not accepted

    def track(self, message: object) -> None:
        self.latch.add()
        self.send(self.ref.tell_tracked(message, self.latch))

    async def apply(self, step: str) -> None:
        match step:
            case "urgent":
                self.send(self.ref.tell_urgent("message"))
            case "urgent crash":
                self.send(self.ref.tell_urgent(crash))
            case "latest":
                self.send(self.ref.tell_latest(self.told % 3, "message"))
            case "tracked":
                self.track("message")
            case "tracked crash":
                self.track(crash)
            case _ if step in FIFO:
                self.send(self.ref.tell(FIFO[step]))
            case _:
                await self.order(step)

    async def order(self, step: str) -> None:
        match step:
            case "pause":
                await trio.sleep(1)
            case "settle":
                await wait_all_tasks_blocked()
            case "restart":
                await self.supervisor.restart_child(self.name)
            case "quarantine":
                await self.supervisor.quarantine(self.name, "by hand")
            case "release":
                await self.supervisor.release(self.name)

    def check(self, *, running: bool) -> None:
        seen = self.ref.statistics()
        assert sum(seen.refused.values()) == self.refused
        queued = seen.fifo + seen.urgent + seen.latest
        counted = seen.messages + seen.dead_letters + self.refused + seen.conflated
        # At most one message is in the handler's hands.
        assert 0 <= self.told - counted - queued <= int(running)


@settings(max_examples=150, deadline=None)
@given(
    steps=st.lists(st.tuples(st.sampled_from("abc"), STEPS), max_size=40),
    overflow=st.sampled_from(Overflow),
    strategy=st.sampled_from(Strategy),
)
def test_every_message_told_is_counted_exactly_once(
    steps: list[tuple[str, str]], overflow: Overflow, strategy: Strategy
) -> None:
    async def scenario() -> None:
        world = World()
        mailbox = MailboxSpec(4, overflow, urgent_capacity=2, latest_capacity=2)
        children = [
            world.child(name, mailbox=mailbox, budget=Budget(3, 60), shutdown_seconds=1)
            for name in "abc"
        ]
        async with world.run(
            *children,
            strategy=strategy,
            group_budget=Budget(1000, 60),
            backoff=Backoff(max_seconds=2),
        ) as supervisor:
            senders = {name: Sender(supervisor, name) for name in "abc"}
            for name, step in steps:
                await senders[name].apply(step)
                for sender in senders.values():
                    sender.check(running=True)
        for sender in senders.values():
            sender.check(running=False)
            assert sender.ref.depth == 0
            assert sender.latch.remaining == 0
        lost = sum(sender.ref.statistics().dead_letters for sender in senders.values())
        assert world.dead_letters.total == lost
        assert len(world.names("start")) >= len(world.names("stop"))

    trio.run(scenario, clock=MockClock(autojump_threshold=0))
