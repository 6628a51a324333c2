"""Questions between actors: one reply, or a named refusal, before the deadline."""

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from actors.runtime import AskRefused, AskTimeout, MailboxSpec, ReplyTo
from tests.unit.scripted_actors import Scripted, Step, World, block


def replying(value: object, after_seconds: float = 0) -> object:
    def make(reply_to: ReplyTo[object]) -> Step:
        async def step(_actor: Scripted) -> None:
            await trio.sleep(after_seconds)
            reply_to.reply(value)

        return step

    return make


async def test_ask_returns_the_reply(
    autojump_clock: MockClock,
) -> None:
    world = World()
    async with world.run(world.child("a")) as supervisor:
        assert await supervisor.ref("a").ask(replying(None, 1), 2) is None
        assert await supervisor.ref("a").ask(replying("pong", 1), 2) == "pong"


async def test_late_reply_is_a_dead_letter(
    autojump_clock: MockClock,
) -> None:
    world = World()
    async with world.run(world.child("a")) as supervisor:
        with pytest.raises(AskTimeout, match="a did not reply in 1 s"):
            await supervisor.ref("a").ask(replying("late", 2), 1)
        await trio.sleep(5)
        assert world.dead_letters.counts == {("a", "late_reply"): 1}


async def test_second_reply_is_a_dead_letter() -> None:
    def twice(reply_to: ReplyTo[int]) -> Step:
        def step(_actor: Scripted) -> None:
            reply_to.reply(1)
            reply_to.reply(2)

        return step

    world = World()
    async with world.run(world.child("a")) as supervisor:
        assert await supervisor.ref("a").ask(twice, 1) == 1
        assert world.dead_letters.counts == {("a", "second_reply"): 1}


async def test_ask_fails_at_once_when_its_handler_crashes() -> None:
    def failing(_reply_to: ReplyTo[int]) -> Step:
        def step(_actor: Scripted) -> None:
            raise ValueError

        return step

    world = World()
    async with world.run(world.child("a")) as supervisor:
        with pytest.raises(AskRefused, match="lost: crashed"):
            await supervisor.ref("a").ask(failing, 1000)


async def test_ask_is_refused_by_a_full_or_ended_actor() -> None:
    world = World()
    spec = world.child("a", mailbox=MailboxSpec(capacity=1), shutdown_seconds=0)
    async with world.run(spec) as supervisor:
        ref = supervisor.ref("a")
        ref.tell(block)
        await wait_all_tasks_blocked()
        ref.tell("fills the lane")
        with pytest.raises(AskRefused, match="lost: full"):
            await ref.ask(replying(1), 1000)
        await supervisor.quarantine("a", "test")
        with pytest.raises(AskRefused, match="lost: quarantined"):
            await ref.ask(replying(1), 1000)


async def test_a_cancelled_asker_leaves_a_counted_reply(
    autojump_clock: MockClock,
) -> None:
    world = World()
    async with world.run(world.child("a")) as supervisor:
        with trio.move_on_after(1):
            await supervisor.ref("a").ask(replying("late", 2), 10)
        await trio.sleep(5)
        assert world.dead_letters.counts == {("a", "late_reply"): 1}
