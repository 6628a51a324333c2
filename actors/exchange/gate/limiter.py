"""Keeps to an exchange's rate limit, with the money's most urgent requests first.

One limiter stands for one account at one exchange and is shared by all that ask it. It
knows the two ways in which ccxt describes a limit:

- a leaky bucket of `capacity` tokens that refills with `refillRate` tokens a ms; a
  request may start while the bucket is not below zero, and takes its cost out;
- a rolling window: within any `windowSize` ms the costs sum to at most
  windowSize / rateLimit.

Time during which nobody asks refills the bucket. A caller that is cancelled in the
queue leaves it without having paid. Nobody polls: the first in the queue sleeps until
its turn, the others until they are first.

A caller's lane comes from its context: `with in_lane(Lane.PROTECT): ...`. A more urgent
lane is served before all that wait in less urgent ones, however long they have waited:
a stop at the exchange is worth more than a scan of the market.

Orders may have a limit of their own. Who places none passes those that wait for it, but
leaves them their weight.
"""

from bisect import bisect_left, insort
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from enum import IntEnum
from itertools import takewhile
from typing import Any, Protocol

import trio

from actors.domain.errors import ExchangeError

#: The queue's bound: more than any exchange serves within a minute.
WAITING_MAX = 10_000
#: What rounding of floating times may leave below zero.
ROUNDING = 1e-9


class Lane(IntEnum):
    """What a request is for; the lower number goes first."""

    PROTECT = 0
    CANCEL = 1
    EXIT = 2
    RECONCILE = 3
    ENTRY = 4
    SCAN = 5


_lane: ContextVar[Lane] = ContextVar("lane", default=Lane.SCAN)


@contextmanager
def in_lane(lane: Lane) -> Iterator[None]:
    """Let every request of this block wait in `lane`."""
    token = _lane.set(lane)
    try:
        yield
    finally:
        _lane.reset(token)


def lane_now() -> Lane:
    """Say in which lane the caller asks."""
    return _lane.get()


class Budget(Protocol):
    """What may be spent, and when."""

    def wait_seconds(self, cost: float, now: float, lane: Lane) -> float:
        """How long until a cost may be taken."""

    def take(self, cost: float, now: float, lane: Lane) -> Any:
        """Take it; what is given for it becomes the limiter's answer."""

    def counts_orders(self, lane: Lane) -> bool:
        """Say whether a lane waits for room for orders as well."""
        del lane
        return False


class LeakyBucket(Budget):
    """Says how long a cost has to wait, and takes it."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._refill_per_ms = float(config.get("refillRate", 1.0))
        self._capacity = float(config.get("capacity", 1.0))
        self._tokens = float(config.get("tokens", 0.0))
        self._counted_seconds: float | None = None

    def wait_seconds(self, _cost: float, now: float, _lane: Lane) -> float:
        """How long until a request may start."""
        if self._counted_seconds is not None:
            gained = (now - self._counted_seconds) * 1000 * self._refill_per_ms
            self._tokens = min(self._tokens + gained, self._capacity)
        self._counted_seconds = now
        if self._tokens >= -ROUNDING:
            return 0.0
        return -self._tokens / self._refill_per_ms / 1000

    def take(self, cost: float, _now: float, _lane: Lane) -> None:
        """Start a request."""
        self._tokens -= cost


class RollingWindow(Budget):
    """Says how long a cost has to wait until enough of what was spent is past."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._seconds = float(config["windowSize"]) / 1000
        self._cost_max = float(config["windowSize"]) / float(config["rateLimit"])
        self._spent: deque[tuple[float, float]] = deque()
        self._sum = 0.0

    def wait_seconds(self, cost: float, now: float, _lane: Lane) -> float:
        """How long until there is room; a cost above all of it waits for all of it."""
        while self._spent and self._spent[0][0] + self._seconds <= now:
            self._sum -= self._spent.popleft()[1]
        if not self._spent or self._sum + cost <= self._cost_max + ROUNDING:
            return 0.0
        return self._spent[0][0] + self._seconds - now

    def take(self, cost: float, now: float, _lane: Lane) -> None:
        """Start a request."""
        self._spent.append((now, cost))
        self._sum += cost


class _Place:
    """A place in the queue; the lower key is served first."""

    __slots__ = ("cost", "key", "lane", "turn")

    def __init__(self, lane: Lane, arrival: int, cost: float) -> None:
        self.cost = cost
        self.lane = lane
        self.key = (lane, arrival)
        self.turn = trio.Event()

    def __lt__(self, other: "_Place") -> bool:
        return self.key < other.key


class Limiter:
    """The queue before an exchange. Takes ccxt's `tokenBucket`, or a budget."""

    def __init__(self, config: Mapping[str, Any], budget: Budget | None = None) -> None:
        self._budget = budget or _budget_of(config)
        self._default_cost = float(config.get("cost", 1.0))
        self._queue: list[_Place] = []
        self._arrivals = 0

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._queue)

    def waiting_by_lane(self) -> Counter[Lane]:
        """How many wait in each lane."""
        return Counter(place.lane for place in self._queue)

    def look_again(self) -> None:
        """Let those whose turn it is look whether the budget has changed."""
        for place in self._next():
            place.turn.set()

    async def __call__(self, cost: float | None = None) -> Any:
        """Wait until a request of this cost may start, in the caller's lane.

        Gives what the budget gave for it.
        """
        if len(self._queue) >= WAITING_MAX:
            msg = f"{WAITING_MAX} requests wait for this exchange already: ask for less"
            raise ExchangeError(msg)
        await trio.lowlevel.checkpoint_if_cancelled()
        self._arrivals += 1
        cost = self._default_cost if cost is None else cost
        place = _Place(_lane.get(), self._arrivals, cost)
        insort(self._queue, place)
        try:
            taken = await self._served(place)
        finally:
            del self._queue[bisect_left(self._queue, place)]
            self.look_again()
        await trio.lowlevel.cancel_shielded_checkpoint()
        return taken

    def _next(self) -> tuple[_Place, ...]:
        """Find the first place, and the first that waits for no room for orders."""
        orders = self._budget.counts_orders
        passing = next((each for each in self._queue if not orders(each.lane)), None)
        found = (*self._queue[:1], passing)
        return tuple(each for each in found if each is not None)

    def _ahead(self, place: _Place) -> float:
        """Sum what those cost who are passed: it is left to them."""
        passed = takewhile(lambda each: each is not place, self._queue)
        return sum(each.cost for each in passed)

    async def _served(self, place: _Place) -> Any:
        while True:
            if place not in self._next():
                await place.turn.wait()
                place.turn = trio.Event()
                continue
            now, cost = trio.current_time(), place.cost + self._ahead(place)
            seconds = self._budget.wait_seconds(cost, now, place.lane)
            if seconds <= 0:
                return self._budget.take(place.cost, now, place.lane)
            # A more urgent caller may come meanwhile; then this one waits for its turn.
            with trio.move_on_after(seconds):
                await place.turn.wait()
                place.turn = trio.Event()


def _budget_of(config: Mapping[str, Any]) -> Budget:
    leaky = config.get("algorithm", "leakyBucket") == "leakyBucket"
    return LeakyBucket(config) if leaky else RollingWindow(config)
