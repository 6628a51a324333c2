"""Who is restarted with whom, in which order, and who hears of it."""

import random

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from actors.runtime import (
    BadChildSpec,
    Budget,
    BudgetExhausted,
    ChildSpec,
    ChildState,
    NoSuchChild,
    OnExhausted,
    Restart,
    Strategy,
    SupervisorSpec,
    deepest,
    format_tree,
    run_supervisor,
)
from tests.unit.scripted_actors import Failure, Scripted, World, block, crash

NAMES = ("a", "b", "c", "d")


@pytest.mark.parametrize(
    ("strategy", "stopped", "started"),
    [
        (Strategy.ONE_FOR_ONE, ["b"], ["b"]),
        # The crashed child tidies up first: it has already ended.
        (Strategy.ONE_FOR_ALL, ["b", "d", "c", "a"], ["a", "b", "c", "d"]),
        (Strategy.REST_FOR_ONE, ["b", "d", "c"], ["b", "c", "d"]),
    ],
)
async def test_strategy_decides_who_restarts_stopped_in_reverse_started_in_order(
    strategy: Strategy, stopped: list[str], started: list[str]
) -> None:
    world = World()
    async with world.run(*map(world.child, NAMES), strategy=strategy) as supervisor:
        world.log.clear()
        supervisor.ref("b").tell(crash)
        supervisor.ref("d").tell("kept")
        await wait_all_tasks_blocked()
        assert world.names("stop") == stopped
        assert world.names("start") == started
        assert world.names("kept") == ["d"]
        world.log.clear()
    assert world.names("stop") == ["d", "c", "b", "a"]


async def test_temporary_sibling_does_not_come_back_with_its_group() -> None:
    world = World()
    async with world.run(
        world.child("a"),
        world.child("b", restart=Restart.TEMPORARY),
        strategy=Strategy.ONE_FOR_ALL,
    ) as supervisor:
        supervisor.ref("a").tell(crash)
        await wait_all_tasks_blocked()
        assert supervisor.ref("a").statistics().state is ChildState.RUNNING
        assert supervisor.ref("b").statistics().state is ChildState.STOPPED


async def test_two_crashes_at_once_restart_the_group_once() -> None:
    world = World()
    async with world.run(
        *map(world.child, NAMES), strategy=Strategy.ONE_FOR_ALL
    ) as supervisor:
        supervisor.ref("a").tell(crash)
        supervisor.ref("c").tell(crash)
        await wait_all_tasks_blocked()
        assert world.events("b") == ["start", "stop", "start"]


async def test_dependent_siblings_wait_for_one_that_fails_to_start(
    autojump_clock: MockClock,
) -> None:
    world = World()
    spec = world.child("b", starts=["fail", "fail", "good"])
    began = trio.current_time()
    async with world.run(
        world.child("a"), spec, world.child("c"), strategy=Strategy.REST_FOR_ONE
    ) as supervisor:
        await trio.sleep(5)
        assert trio.current_time() > began
        assert world.names("start") == ["a", "b", "c"]
        assert supervisor.ref("c").statistics().state is ChildState.RUNNING


async def test_exhausted_group_budget_surfaces_as_itself() -> None:
    world = World()
    with pytest.raises(BudgetExhausted, match=r"top failed more than 1 times in 300"):  # noqa: PT012 - the tree is the statement
        async with world.run(
            world.child("a"), world.child("b"), group_budget=Budget(1, 300)
        ) as supervisor:
            supervisor.ref("a").tell(crash)
            supervisor.ref("b").tell(crash)
            await supervisor.wait()
    # Which of the two crashed first is trio's choice; both have ended by now.
    assert set(world.names("stop")) == {"a", "b"}


async def test_escalation_climbs_two_levels() -> None:
    world = World()
    once = Budget(1, 300.0)
    inner = SupervisorSpec(
        "inner",
        (world.child("x", budget=Budget(0, 60.0)), world.child("y")),
        on_child_exhausted=OnExhausted.ESCALATE,
        budget=once,
    )
    outer = SupervisorSpec(
        "outer",
        (world.child("w"), inner),
        on_child_exhausted=OnExhausted.ESCALATE,
        budget=Budget(0, 60.0),
    )
    with pytest.raises(BudgetExhausted, match="outer failed more than 0 times"):  # noqa: PT012 - the tree is the statement
        async with world.run(
            world.child("v"), outer, on_child_exhausted=OnExhausted.ESCALATE
        ) as supervisor:
            x = supervisor.ref("x")
            x.tell(crash)
            x.tell("kept")
            await wait_all_tasks_blocked()
            # The first escalation restarts the inner group; references stay valid.
            assert world.events("y") == ["start", "stop", "start"]
            assert world.events("x")[-1] == "kept"
            assert world.events("w") == ["start"]
            x.tell(crash)
            await supervisor.wait()
    assert world.names("stop")[-4:] == ["x", "y", "w", "v"]


async def test_exhausted_nested_group_can_be_quarantined_alone() -> None:
    world = World()
    inner = SupervisorSpec(
        "inner",
        (world.child("x"), world.child("y")),
        group_budget=Budget(0, 60.0),
        budget=Budget(0, 60.0),
    )
    async with world.run(inner, world.child("z")) as supervisor:
        supervisor.ref("x").tell(crash)
        await wait_all_tasks_blocked()
        assert not supervisor.ref("y").tell("refused")
        assert supervisor.ref("y").statistics().refused == {"quarantined": 1}
        assert supervisor.ref("z").statistics().state is ChildState.RUNNING
        await supervisor.release("inner")
        assert supervisor.ref("y").tell("again")
        await wait_all_tasks_blocked()
        assert world.events("y")[-1] == "again"


async def test_dynamic_children_come_and_go_and_free_their_names() -> None:
    world = World()
    inner = SupervisorSpec("inner", (), children_max=1)
    async with world.run(inner) as supervisor:
        ref = await supervisor.start_child(world.child("a"), "inner")
        assert supervisor.ref("a") is ref
        with pytest.raises(BadChildSpec, match="unique"):
            await supervisor.start_child(world.child("a"))
        with pytest.raises(BadChildSpec, match="children_max, 1"):
            await supervisor.start_child(world.child("b"), "inner")
        await supervisor.stop_child("a")
        assert not ref.tell("late")
        with pytest.raises(NoSuchChild, match="no child 'a'"):
            supervisor.ref("a")
        assert await supervisor.start_child(world.child("a")) is not ref


async def test_restart_child_gives_a_fresh_instance_and_keeps_the_mailbox() -> None:
    world = World()
    async with world.run(world.child("a"), world.child("b")) as supervisor:
        await supervisor.restart_child("a")
        assert world.log[2:] == [("a", "stop"), ("a", "start")]
        await supervisor.stop_child("b")
        await supervisor.restart_child("b")
        assert supervisor.ref("b").tell("again")


async def test_tree_shows_state_restarts_error_depth_messages_and_counters() -> None:
    world = World()
    inner = SupervisorSpec("inner", (world.child("a"), world.child("b")))
    async with world.run(inner) as supervisor:
        supervisor.ref("a").tell("handled")
        supervisor.ref("a").tell(crash)
        await wait_all_tasks_blocked()
        supervisor.ref("b").tell(block)
        await wait_all_tasks_blocked()
        supervisor.ref("b").tell("waits")
        tree = supervisor.tree()
        assert (tree.messages, tree.depth) == (1, 1)
        a, b = tree.children[0].children
        assert (a.restarts, a.last_error, a.messages) == (1, "Failure: scripted", 1)
        assert deepest(tree, 1) == (b,)
        drawn = format_tree(tree).splitlines()
        assert drawn[1].startswith("  inner [supervisor running] restarts=0 queued=1")
        assert "events=" in drawn[2]
        await supervisor.quarantine("b", "enough")


async def test_broken_statistics_do_not_hide_the_tree() -> None:
    class Broken(Scripted):
        def statistics(self) -> dict[str, int | float | str]:
            raise Failure

    world = World()
    async with world.run(ChildSpec("a", lambda: Broken([], None))) as supervisor:
        [node] = supervisor.tree().children
        assert node.counters == {"statistics_failed": "Failure"}


async def test_the_same_seed_gives_the_same_jitter(
    autojump_clock: MockClock,
) -> None:
    async def pauses(seed: int) -> list[float]:
        world = World()
        starts: list[float] = []
        spec = SupervisorSpec("top", (world.child("a"),))
        began = trio.current_time()
        async with run_supervisor(spec, random=random.Random(seed)) as supervisor:
            for _ in range(4):
                supervisor.ref("a").tell(
                    lambda _: starts.append(trio.current_time() - began) or crash(_)
                )
            await trio.sleep(30)
        return [round(start, 6) for start in starts]

    assert await pauses(1) == await pauses(1)
    assert await pauses(1) != await pauses(2)


def test_a_name_must_be_unique_in_its_tree() -> None:
    world = World()
    inner = SupervisorSpec("inner", (world.child("a"),))
    with pytest.raises(BadChildSpec, match="'a'; it must be unique"):
        SupervisorSpec("top", (world.child("a"), inner))
