"""What follows when one actor fails."""

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from actors.runtime import (
    Backoff,
    ChildState,
    Down,
    Restart,
    StartTimeout,
    TooManyTimers,
)
from tests.unit.scripted_actors import (
    THREE,
    Failure,
    Scripted,
    World,
    block,
    crash,
)


async def test_only_the_failing_message_is_lost() -> None:
    world = World()
    async with world.run(world.child("a")) as supervisor:
        ref = supervisor.ref("a")
        for message in (1, crash, 2):
            ref.tell(message)
        await wait_all_tasks_blocked()
        assert world.events("a") == ["start", 1, "stop", "start", 2]
        assert world.dead_letters.counts == {("a", "crashed"): 1}
        assert ref.statistics().last_error == "Failure: scripted"
        [report] = world.reports
        assert report.crash.function == "crash"
        assert "Failure: scripted" in report.format()


async def test_first_restart_is_at_once_then_backoff_doubles(
    autojump_clock: MockClock,
) -> None:
    world = World()
    backoff = Backoff(jitter_ratio=0)
    starts: list[float] = []
    async with world.run(world.child("a"), backoff=backoff) as supervisor:
        for _ in range(5):
            supervisor.ref("a").tell(
                lambda _: starts.append(trio.current_time()) or crash(_)
            )
        began = trio.current_time()
        await trio.sleep(100)
    assert [start - began for start in starts] == pytest.approx([0, 0, 1, 3, 7])


async def test_backoff_is_forgotten_after_a_healthy_stretch(
    autojump_clock: MockClock,
) -> None:
    world = World()
    async with world.run(world.child("a")) as supervisor:
        ref = supervisor.ref("a")
        ref.tell(crash)
        ref.tell(crash)
        await trio.sleep(70)
        ref.tell(crash)
        await wait_all_tasks_blocked()
        assert ref.statistics().state is ChildState.RUNNING


async def test_fourth_failure_within_the_period_quarantines(
    autojump_clock: MockClock,
) -> None:
    world = World()
    async with world.run(
        world.child("a", budget=THREE), world.child("b")
    ) as supervisor:
        ref = supervisor.ref("a")
        for _ in range(3):
            ref.tell(crash)
        await trio.sleep(10)
        assert ref.statistics().state is ChildState.RUNNING
        ref.tell(crash)
        ref.tell("queued")
        await wait_all_tasks_blocked()
        statistics = ref.statistics()
        assert statistics.state is ChildState.QUARANTINED
        assert "more than 3 times in 60.0 s" in (statistics.last_error or "")
        assert not ref.tell("late")
        assert ref.statistics().refused == {"quarantined": 1}
        assert world.dead_letters.counts == {
            ("a", "crashed"): 4,
            ("a", "quarantined"): 1,
        }
        assert world.reports[-1].outcome == "quarantined"
        assert supervisor.ref("b").statistics().state is ChildState.RUNNING


async def test_failures_spread_over_longer_than_the_period_are_forgiven(
    autojump_clock: MockClock,
) -> None:
    world = World()
    async with world.run(world.child("a", budget=THREE)) as supervisor:
        for _ in range(6):
            supervisor.ref("a").tell(crash)
            await trio.sleep(21)
        assert supervisor.ref("a").statistics().state is ChildState.RUNNING


async def test_release_starts_a_quarantined_actor_with_a_clean_record(
    autojump_clock: MockClock,
) -> None:
    world = World()
    async with world.run(world.child("a", budget=THREE)) as supervisor:
        ref = supervisor.ref("a")
        await supervisor.quarantine("a", "by hand")
        assert ref.statistics().last_error == "by hand"
        assert not ref.tell("refused")
        await supervisor.release("a")
        for _ in range(3):
            ref.tell(crash)
        ref.tell("again")
        await trio.sleep(10)
        assert world.events("a")[-1] == "again"


async def test_messages_queue_while_the_actor_backs_off(
    autojump_clock: MockClock,
) -> None:
    world = World()
    async with world.run(world.child("a")) as supervisor:
        ref = supervisor.ref("a")
        ref.tell(crash)
        ref.tell(crash)
        await wait_all_tasks_blocked()
        assert ref.statistics().state is ChildState.BACKOFF
        assert ref.tell("kept")
        assert ref.statistics().fifo == 1
        await trio.sleep(2)
        assert world.events("a")[-1] == "kept"


@pytest.mark.parametrize(
    ("restart", "step", "state"),
    [
        (Restart.PERMANENT, crash, ChildState.RUNNING),
        (Restart.TRANSIENT, crash, ChildState.RUNNING),
        (Restart.TEMPORARY, crash, ChildState.FAILED),
        (Restart.PERMANENT, "end", ChildState.RUNNING),
        (Restart.TRANSIENT, "end", ChildState.STOPPED),
        (Restart.TEMPORARY, "end", ChildState.STOPPED),
    ],
)
async def test_restart_type_decides_who_comes_back(
    restart: Restart, step: object, state: ChildState
) -> None:
    world = World()

    def end(actor: Scripted) -> None:
        actor.context.stop()

    async with world.run(world.child("a", restart=restart)) as supervisor:
        ref = supervisor.ref("a")
        ref.tell(end if step == "end" else step)
        await wait_all_tasks_blocked()
        assert ref.statistics().state is state


async def test_a_failed_start_takes_the_path_of_a_crash(
    autojump_clock: MockClock,
) -> None:
    world = World()
    spec = world.child("a", starts=["fail", "fail", "good"])
    async with world.run(spec, world.child("b")) as supervisor:
        # The second failure means a pause: the sibling does not wait for it.
        assert supervisor.ref("b").statistics().state is ChildState.RUNNING
        supervisor.ref("a").tell("kept")
        await trio.sleep(2)
        assert world.events("a") == ["start", "kept"]
        assert supervisor.ref("a").statistics().restarts == 2


async def test_a_start_that_takes_too_long_is_a_crash(
    autojump_clock: MockClock,
) -> None:
    class Slow(Scripted):
        async def on_start(self) -> None:
            await trio.sleep(3)

    world = World()
    spec = world.child("a", restart=Restart.TEMPORARY, start_seconds=2)
    slow = type(spec)(
        "slow", lambda: Slow([], None), Restart.TEMPORARY, start_seconds=2
    )
    async with world.run(slow) as supervisor:
        assert supervisor.ref("slow").statistics().state is ChildState.FAILED
        assert world.reports[0].crash.kind == StartTimeout.__name__


async def test_a_handler_with_a_nursery_fails_like_any_other() -> None:
    async def fail_in_nursery() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever)
            raise Failure

    world = World()
    async with world.run(world.child("a")) as supervisor:
        supervisor.ref("a").tell(lambda _: fail_in_nursery())
        supervisor.ref("a").tell("next")
        await wait_all_tasks_blocked()
        assert world.events("a")[-1] == "next"
        assert world.reports[0].crash.kind == "Failure"


async def test_keyboard_interrupt_in_a_handler_comes_out_as_itself() -> None:
    def interrupt(_actor: Scripted) -> None:
        raise KeyboardInterrupt

    world = World()
    with pytest.raises(KeyboardInterrupt):  # noqa: PT012 - the tree is the statement
        async with world.run(world.child("a"), world.child("b")) as supervisor:
            supervisor.ref("b").tell(interrupt)
            supervisor.ref("b").tell("queued")
            await trio.sleep_forever()
    assert world.events("a") == ["start", "stop"]
    assert world.dead_letters.counts == {("b", "interrupted"): 2}


async def test_watcher_hears_restarts_and_ends_with_its_tag() -> None:
    world = World()
    async with world.run(world.child("watcher"), world.child("a")) as supervisor:
        watcher, ref = supervisor.ref("watcher"), supervisor.ref("a")
        watch = ref.monitor(watcher, tag=7)
        ref.tell(crash)
        await wait_all_tasks_blocked()
        await supervisor.quarantine("a", "by hand")
        ref.monitor(watcher, tag=8)
        watch.cancel()
        await wait_all_tasks_blocked()
        assert world.events("watcher")[1:] == [
            Down("a", "crashed: Failure: scripted", ChildState.BACKOFF, 7),
            Down("a", "by hand", ChildState.STOPPING, 7),
            Down("a", "quarantined", ChildState.QUARANTINED, 8),
        ]


async def test_timers_fire_in_order_and_vanish_with_their_incarnation(
    autojump_clock: MockClock,
) -> None:
    world = World()

    def arm(actor: Scripted) -> None:
        actor.context.send_after(2, "second")
        actor.context.send_after(1, "first")
        actor.context.send_after(1.5, "cancelled").cancel()
        actor.context.send_after(5, "stale")

    async with world.run(world.child("a")) as supervisor:
        supervisor.ref("a").tell(arm)
        await trio.sleep(3)
        supervisor.ref("a").tell(crash)
        await trio.sleep(10)
        assert world.events("a") == ["start", "first", "second", "stop", "start"]


async def test_cancelled_timers_leave_room_for_new_ones(
    autojump_clock: MockClock,
) -> None:
    def rearm(actor: Scripted) -> None:
        for _ in range(5000):
            actor.context.send_after(60, "never").cancel()

    def flood(actor: Scripted) -> None:
        for _ in range(5000):
            actor.context.send_after(60, "too many")

    world = World()
    async with world.run(world.child("a")) as supervisor:
        supervisor.ref("a").tell(rearm)
        await wait_all_tasks_blocked()
        assert not world.reports
        assert len(supervisor.commons.timers) < 200
        supervisor.ref("a").tell(flood)
        await wait_all_tasks_blocked()
        assert world.reports[0].crash.kind == TooManyTimers.__name__


async def test_a_broken_report_sink_does_not_stop_the_restart() -> None:
    world = World()
    world.reports = None  # type: ignore[assignment]  # only `append` is replaced

    class Broken:
        def append(self, _report: object) -> None:
            raise Failure

    world.reports = Broken()  # type: ignore[assignment]  # as above
    async with world.run(world.child("a")) as supervisor:
        supervisor.ref("a").tell(crash)
        supervisor.ref("a").tell("next")
        await wait_all_tasks_blocked()
        assert world.events("a")[-1] == "next"
        assert supervisor.commons.reporter.sink_failures == 1


async def test_a_stop_is_heard_while_the_actor_is_blocked_or_backing_off(
    autojump_clock: MockClock,
) -> None:
    world = World()
    async with world.run(world.child("a"), world.child("b")) as supervisor:
        supervisor.ref("a").tell(block)
        supervisor.ref("b").tell(crash)
        supervisor.ref("b").tell(crash)
        await wait_all_tasks_blocked()
        began = trio.current_time()
        await supervisor.stop_child("b")
        assert trio.current_time() == began
        await supervisor.stop_child("a")
        assert trio.current_time() == pytest.approx(began + 5)
        assert world.dead_letters.counts[("a", "killed")] == 1
