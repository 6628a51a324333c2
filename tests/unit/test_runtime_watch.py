"""Who blocks the loop, and how late it runs."""

import threading

from trio.testing import MockClock, wait_all_tasks_blocked

from actors.runtime import ChildSpec, CrashReport, LoopBlocked, LoopLag, LoopWatchdog
from actors.runtime.letters import COUNTERS_MAX, OTHERS, DeadLetters
from actors.runtime.report import Crash, Reporter
from tests.unit.scripted_actors import Scripted, World


async def test_watchdog_names_the_actor_whose_handler_blocks_the_loop() -> None:
    world = World()
    reported = threading.Event()
    blocked: list[LoopBlocked] = []

    def report(found: LoopBlocked) -> None:
        blocked.append(found)
        reported.set()

    def block_the_loop(_actor: Scripted) -> None:
        assert reported.wait(60)

    watchdog = LoopWatchdog(report, blocked_seconds_max=0.05, interval_seconds=0.01)
    async with world.run(world.child("a"), world.child("b")) as supervisor:
        with watchdog:
            supervisor.ref("b").tell(block_the_loop)
            await wait_all_tasks_blocked()
    assert [found.actor for found in blocked] == ["b"]
    assert blocked[0].function == "wait"
    assert "loop-watchdog" not in [thread.name for thread in threading.enumerate()]


async def test_loop_lag_is_shown_in_the_tree(mock_clock: MockClock) -> None:
    world = World()
    spec = ChildSpec("lag", lambda: LoopLag(interval_seconds=1))
    async with world.run(spec) as supervisor:
        for jump in (1, 4, 1):
            await wait_all_tasks_blocked()
            mock_clock.jump(jump)
        await wait_all_tasks_blocked()
        [node] = supervisor.tree().children
        assert node.counters == {"lag_ms_newest": 0, "lag_ms_worst": 3000}


async def test_routine_reports_are_limited_and_the_held_back_are_counted(
    mock_clock: MockClock,
) -> None:
    given: list[CrashReport] = []
    reporter = Reporter(given.append, per_period_max=2, period_seconds=10)
    report = CrashReport("a", "failed", Crash.of(ValueError()), "restarts", 1, 0, 0)
    for _ in range(5):
        reporter.give(report, routine=True)
    reporter.give(report, routine=False)
    mock_clock.jump(10)
    reporter.give(report, routine=True)
    assert [report.suppressed for report in given] == [0, 0, 3, 0]


def test_dead_letters_keep_the_newest_and_bound_their_counters() -> None:
    letters = DeadLetters(newest_max=2)
    for number in range(COUNTERS_MAX + 5):
        letters.add(f"a{number}", "stopped", number)
    assert len(letters.newest) == 2
    assert letters.counts[OTHERS, "stopped"] == 5
    assert letters.total == COUNTERS_MAX + 5


def test_a_crash_keeps_the_last_frame_and_survives_a_broken_text() -> None:
    class Unprintable(Exception):
        def __str__(self) -> str:
            raise ValueError

    try:
        raise Unprintable  # noqa: TRY301 - the frame is what is tested
    except Unprintable as error:
        crash = Crash.of(ExceptionGroup("wrapped", [error]))
    assert crash.kind == "Unprintable"
    assert crash.file == __file__
    assert crash.text == "(its text cannot be formatted)"
