"""The lanes of a mailbox, their bounds and what is counted."""

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from actors.runtime import (
    AskRefused,
    BadChildSpec,
    Latch,
    MailboxSpec,
    Overflow,
)
from tests.unit.scripted_actors import Scripted, World, block, crash


async def test_urgent_is_handled_between_messages_of_a_drained_snapshot() -> None:
    world = World()
    async with world.run(world.child("a")) as supervisor:
        ref = supervisor.ref("a")

        def call_urgent(_actor: Scripted) -> None:
            ref.tell_urgent("urgent")

        for message in ("first", call_urgent, "third"):
            ref.tell(message)
        await wait_all_tasks_blocked()
        assert world.events("a") == ["start", "first", "urgent", "third"]


async def test_latest_keeps_the_newest_per_key_and_counts_the_others() -> None:
    world = World()
    async with world.run(world.child("a")) as supervisor:
        ref = supervisor.ref("a")
        for key, message in (("x", 1), ("y", 2), ("x", 3)):
            assert ref.tell_latest(key, message)
        await wait_all_tasks_blocked()
        assert world.events("a") == ["start", 3, 2]
        assert ref.statistics().conflated == 1


@pytest.mark.parametrize(
    ("overflow", "accepted", "handled", "reason"),
    [
        (Overflow.REFUSE, False, [1, 2], None),
        (Overflow.DROP_NEWEST, True, [1, 2], "dropped_newest"),
        (Overflow.DROP_OLDEST, True, [2, 3], "dropped_oldest"),
    ],
)
async def test_full_fifo_lane_does_what_its_policy_says(
    overflow: Overflow, accepted: object, handled: list[int], reason: str | None
) -> None:
    world = World()
    spec = MailboxSpec(capacity=2, overflow=overflow)
    async with world.run(world.child("a", mailbox=spec)) as supervisor:
        ref = supervisor.ref("a")
        assert [ref.tell(1), ref.tell(2), ref.tell(3)] == [True, True, accepted]
        await wait_all_tasks_blocked()
        assert world.events("a") == ["start", *handled]
        assert ref.statistics().refused == ({} if reason else {"full": 1})
        assert ref.statistics().peak == 2
        expected = {("a", reason): 1} if reason else {}
        assert world.dead_letters.counts == expected


async def test_urgent_and_latest_lanes_are_bounded_too() -> None:
    world = World()
    spec = MailboxSpec(urgent_capacity=1, latest_capacity=1)
    async with world.run(world.child("a", mailbox=spec)) as supervisor:
        ref = supervisor.ref("a")
        assert [ref.tell_urgent(1), ref.tell_urgent(2)] == [True, False]
        assert [ref.tell_latest("x", 3), ref.tell_latest("y", 4)] == [True, False]
        assert ref.statistics().refused == {"urgent_full": 1, "latest_full": 1}


async def test_send_waits_for_room_and_loses_nothing() -> None:
    world = World()
    spec = MailboxSpec(capacity=2)
    async with world.run(world.child("a", mailbox=spec)) as supervisor:
        ref = supervisor.ref("a")
        for number in range(20):
            await ref.send(number)
            assert len(ref.fifo) <= 2
        await wait_all_tasks_blocked()
        assert world.events("a") == ["start", *range(20)]


async def test_send_is_refused_when_the_actor_ends_while_it_waits() -> None:
    world = World()
    spec = world.child("a", mailbox=MailboxSpec(capacity=1), shutdown_seconds=0)
    async with world.run(spec) as supervisor, trio.open_nursery() as nursery:
        ref = supervisor.ref("a")
        ref.tell(block)
        await wait_all_tasks_blocked()
        ref.tell("fills the lane")
        refused = []

        async def sender() -> None:
            with pytest.raises(AskRefused, match="stopped"):
                await ref.send("too late")
            refused.append(True)

        nursery.start_soon(sender)
        await wait_all_tasks_blocked()
        assert not refused
        await supervisor.stop_child("a")
        await wait_all_tasks_blocked()
        assert refused


async def test_an_endless_self_teller_lets_others_run() -> None:
    world = World()
    async with world.run(world.child("a"), world.child("b")) as supervisor:
        ref = supervisor.ref("a")

        def again(_actor: Scripted) -> None:
            ref.tell(again)

        ref.tell(again)
        supervisor.ref("b").tell("hello")
        for _ in range(5):
            await trio.lowlevel.checkpoint()
        assert "hello" in world.events("b")


async def test_latch_hears_each_outcome_exactly_once() -> None:
    world = World()
    spec = MailboxSpec(capacity=4)
    async with world.run(world.child("a", mailbox=spec)) as supervisor:
        ref = supervisor.ref("a")
        latch = Latch(6)
        for message in ("handled", crash, block, "queued"):
            assert ref.tell_tracked(message, latch)
        assert not ref.tell_tracked("refused", latch)
        assert latch.remaining == 5
        await wait_all_tasks_blocked()
        assert latch.remaining == 3  # handled and crashed as well
        await supervisor.quarantine("a", "test")
        assert latch.remaining == 1  # the one killed at work, the one queued
        assert not ref.tell_tracked("too late", latch)
        with trio.fail_after(0):
            await latch.wait()


async def test_latch_waits_for_the_balance() -> None:
    latch = Latch()
    latch.arrive()
    latch.add(2)
    woken = []
    async with trio.open_nursery() as nursery:

        async def waiter() -> None:
            await latch.wait()
            woken.append(True)

        nursery.start_soon(waiter)
        await wait_all_tasks_blocked()
        assert not woken
        latch.arrive()
    assert woken


def test_a_mailbox_without_room_is_refused_when_specified() -> None:
    with pytest.raises(BadChildSpec, match="capacity is 0; it must be >= 1"):
        MailboxSpec(capacity=0)
