"""What the actor runtime costs, as ratios to the floor measured in the same run.

The floor is a deque's append, its popleft and a bound method call. Each figure is the
median of several rounds of CPU time, so that a busy neighbour disturbs little.
Run: python -m tests.bench.runtime
"""

import random
import statistics
import time
from collections import deque
from typing import Any

import trio

from actors.runtime import (
    Actor,
    ActorRef,
    Budget,
    ChildSpec,
    Supervisor,
    SupervisorSpec,
    run_supervisor,
)

ROUNDS = 5
PLENTY = Budget(10**9, 1.0)


class Counting(Actor[object]):
    def __init__(self) -> None:
        self.seen = 0

    async def handle(self, message: object) -> None:
        self.seen += 1


class Crashing(Actor[object]):
    """Crashes at a callable, and notes when the message after it is handled."""

    handled_at_ns = 0

    async def handle(self, message: object) -> None:
        if message == "crash":
            raise ValueError
        Crashing.handled_at_ns = time.perf_counter_ns()


class Plain:
    def __init__(self) -> None:
        self.seen = 0

    def handle(self, _message: object) -> None:
        self.seen += 1


def cpu_ns() -> int:
    return time.process_time_ns()


def floor_ns() -> float:
    queue: deque[object] = deque()
    handle = Plain().handle
    count = 200_000

    def once() -> float:
        began = cpu_ns()
        for _ in range(count):
            queue.append(None)
            handle(queue.popleft())
        return (cpu_ns() - began) / count

    return statistics.median(once() for _ in range(ROUNDS))


def group(count: int, **options: Any) -> SupervisorSpec:
    children = tuple(ChildSpec(f"a{i}", Counting) for i in range(count))
    return SupervisorSpec("bench", children, group_budget=PLENTY, **options)


def refs_of(supervisor: Supervisor) -> list[ActorRef[object]]:
    return [supervisor.ref(name) for name in supervisor.children]


async def per_message_ns(burst: int, actors: int, passes: int) -> float:
    """Post `burst` messages to each actor per pass and let them all be handled."""
    async with run_supervisor(group(actors), random=random.Random(1)) as supervisor:
        refs = refs_of(supervisor)
        burst_range = range(burst)

        async def once() -> float:
            began = cpu_ns()
            for _ in range(passes):
                for ref in refs:
                    for _ in burst_range:
                        ref.tell(None)
                while any(ref.fifo for ref in refs):
                    await trio.lowlevel.checkpoint()
            return (cpu_ns() - began) / (passes * actors * burst)

        return statistics.median([await once() for _ in range(ROUNDS)])


async def fan_in_ns() -> float:
    """One actor, bursts of 50 from 20 senders between its turns."""
    return await per_message_ns(1000, 1, 200)


async def crash_us() -> dict[str, float]:
    """Crash to the next message of the same actor, among 1,000 busy actors."""
    spec = group(1000)
    extra = ChildSpec("crashing", Crashing)
    waits: list[float] = []
    async with run_supervisor(spec, random=random.Random(1)) as supervisor:
        crashing = await supervisor.start_child(extra)
        busy = refs_of(supervisor)[:1000]
        child = crashing.child
        for _ in range(200):
            for ref in busy:
                ref.tell(None)
            began = time.perf_counter_ns
            stamp = began()
            crashing.tell(Stamp())
            crashing.tell("crash")
            crashing.tell("after")
            del stamp
            while crashing.fifo:
                await trio.lowlevel.checkpoint()
            waits.append((Crashing.handled_at_ns - Stamp.crashed_at_ns) / 1000)
            child.forgive()
    waits.sort()
    return {"median": statistics.median(waits), "p99": waits[int(len(waits) * 0.99)]}
