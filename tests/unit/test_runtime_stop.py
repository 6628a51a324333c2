"""How actors and trees end: in order, in time, and whatever happens."""

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from actors.runtime import ChildState, Latch, SupervisorSpec
from tests.unit.scripted_actors import Failure, Scripted, World, block, crash


async def shielded(_actor: Scripted) -> None:
    with trio.CancelScope(shield=True):
        await trio.sleep(30)


async def test_a_hanging_handler_is_killed_at_its_deadline(
    autojump_clock: MockClock,
) -> None:
    world = World()
    async with world.run(
        world.child("a"), world.child("b", shutdown_seconds=2)
    ) as supervisor:
        supervisor.ref("b").tell(block)
        await wait_all_tasks_blocked()
        began = trio.current_time()
    assert trio.current_time() - began == pytest.approx(2)
    assert world.names("stop") == ["a"]
    assert world.dead_letters.counts == {("b", "killed"): 1}
    assert world.reports[-1].phase == "was killed by"


async def test_an_actor_that_cannot_be_killed_does_not_hold_up_the_others(
    autojump_clock: MockClock,
) -> None:
    world = World()
    stopped: list[float] = []

    class Timed(Scripted):
        async def on_stop(self, _reason: str) -> None:
            stopped.append(trio.current_time())

    spec = world.child("a")
    timed = type(spec)("a", lambda: Timed(world.log, None))
    async with world.run(timed, world.child("b", shutdown_seconds=2)) as supervisor:
        latch = Latch(1)
        supervisor.ref("b").tell_tracked(shielded, latch)
        await wait_all_tasks_blocked()
        began = trio.current_time()
    assert stopped == [pytest.approx(began + 3)]
    # Structured concurrency: its task is still ours, so the tree waits for it.
    assert trio.current_time() == pytest.approx(began + 30)
    assert "is stuck" in [report.phase for report in world.reports]
    assert latch.remaining == 0


async def test_on_stop_is_bounded_and_its_failure_changes_nothing(
    autojump_clock: MockClock,
) -> None:
    class Hanging(Scripted):
        async def on_stop(self, _reason: str) -> None:
            await trio.sleep_forever()

    class Failing(Scripted):
        async def on_stop(self, _reason: str) -> None:
            raise Failure

    world = World()
    spec = world.child("a")
    children = (
        type(spec)("hanging", lambda: Hanging([], None), shutdown_seconds=2),
        type(spec)("failing", lambda: Failing([], None)),
    )
    async with world.run(*children) as supervisor:
        supervisor.ref("failing").tell(crash)
        await wait_all_tasks_blocked()
        assert supervisor.ref("failing").statistics().state is ChildState.RUNNING
        began = trio.current_time()
    assert trio.current_time() - began == pytest.approx(2)
    assert world.reports[0].phase == "failed in on_stop with"


async def test_the_message_at_hand_is_finished_and_the_queued_are_counted(
    autojump_clock: MockClock,
) -> None:
    async def slow(actor: Scripted) -> None:
        await trio.sleep(1)
        actor.log.append((actor.context.name, "finished"))

    world = World()
    async with world.run(world.child("a")) as supervisor:
        supervisor.ref("a").tell(slow)
        supervisor.ref("a").tell("queued")
        await wait_all_tasks_blocked()
    assert world.events("a") == ["start", "finished", "stop"]
    assert world.dead_letters.counts == {("a", "stopped"): 1}


async def test_cancelling_the_whole_still_stops_in_reverse_order(
    autojump_clock: MockClock,
) -> None:
    world = World()
    inner = SupervisorSpec("inner", (world.child("b"), world.child("c")))
    with trio.move_on_after(1) as scope:
        async with world.run(world.child("a"), inner, world.child("d")) as supervisor:
            supervisor.ref("c").tell("kept")
            await trio.sleep_forever()
    assert scope.cancelled_caught
    assert world.names("stop") == ["d", "c", "b", "a"]


async def test_an_error_of_the_body_comes_out_as_itself_after_the_stop() -> None:
    world = World()
    with pytest.raises(Failure):
        async with world.run(world.child("a")):
            raise Failure
    assert world.events("a") == ["start", "stop"]


@pytest.mark.parametrize("passes", range(12))
async def test_cancelled_at_any_pass_of_start_or_restart_leaves_no_task(
    passes: int,
) -> None:
    world = World()
    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:

            async def cancel_later() -> None:
                for _ in range(passes):
                    await trio.lowlevel.checkpoint()
                scope.cancel()

            nursery.start_soon(cancel_later)
            async with world.run(world.child("a"), world.child("b")) as supervisor:
                supervisor.ref("a").tell(crash)
                await supervisor.restart_child("b")
                await supervisor.stop_child("a")
                await trio.sleep_forever()
    starts, stops = world.names("start"), world.names("stop")
    assert sorted(starts) == sorted(stops)
    for name in ("a", "b"):
        assert world.events(name) in [["start", "stop"] * count for count in range(4)]


async def test_stopping_tree_refuses_new_children_and_messages() -> None:
    world = World()
    async with world.run(world.child("a")) as supervisor:
        ref = supervisor.ref("a")
    assert not ref.tell("late")
    assert ref.statistics().refused == {"stopped": 1}
    with pytest.raises(LookupError, match="stopped; it takes no children"):
        await supervisor.start_child(world.child("b"))
