"""An exchange's budget as it counts itself, though others may spend from it too.

Two sums are kept, and the larger one counts.

- Ours: what was sent within any window's length. A request counts from its start until
  a window after its answer: the exchange counted it somewhere between the two.
- The exchange's: the figure that an answer told, with all that it may not have included
  (what was under way then, and what was sent since). It stands for one window: then the
  exchange has begun to count anew. A smaller figure replaces it only when it comes from
  a request that was sent after the larger one had come.

While no figure stands, as at the start, little may be under way until one comes. What
others are going to use is left to them (`others`), but for the urgent lanes.

So a program beside us on the same address slows us down and earns us no refusal. The
last part of the budget is for the urgent lanes alone, and scans leave some for entries.
"""

from collections import deque
from collections.abc import Mapping

import msgspec

from actors.exchange.gate.limiter import ROUNDING, Budget, Lane
from actors.exchange.gate.others import Others
from actors.exchange.gate.terms import Terms

#: Who may use the reserve.
URGENT = frozenset({Lane.PROTECT, Lane.CANCEL, Lane.EXIT})
#: How much of the budget may be used up when a request of a lane starts.
SHARES = dict.fromkeys(URGENT, 1.0) | {
    Lane.RECONCILE: 0.85,
    Lane.ENTRY: 0.85,
    Lane.SCAN: 0.7,
}
#: Whose requests may be orders.
PLACING = frozenset({Lane.PROTECT, Lane.EXIT, Lane.ENTRY})
#: How much may be under way while it is not known what others have used.
BLIND = 0.1
#: A request that never came to an end of its own is taken for answered after so long.
OPEN_SECONDS_MAX = 120.0
#: Bybit counts an account's requests to one endpoint by the second.
ENDPOINT_SECONDS = 1.0


class Spend:
    """One request's part of the budget."""

    __slots__ = ("cost", "started")

    def __init__(self, cost: float, started: float) -> None:
        self.cost = cost
        self.started = started


class SharedWindow:
    """What may be spent within a window, by us and by others; limit 0: anything."""

    def __init__(self, limit: float, seconds: float, *, tells: bool = False) -> None:
        self.limit = limit
        self._tells = tells
        self._others = Others(limit, seconds)
        self._answered = 0.0  # of ours, since the last figure
        self._seconds = seconds
        self._open: dict[Spend, None] = {}  # not answered yet, oldest first
        self._spent: deque[tuple[float, float]] = deque()  # when answered, cost
        self._told = 0.0
        self._told_at = -seconds
        self._stands_until = -seconds

    def limit_of(self, lane: Lane) -> float:
        """Say how much a lane may use up."""
        return self.limit * SHARES[lane]

    def used(self, now: float) -> float:
        """Say how much is used up now, at the worst."""
        self._forget(now)
        ours = sum(cost for _, cost in self._spent) + sum(s.cost for s in self._open)
        return max(ours, self._told if now < self._stands_until else 0.0)

    def wait_seconds(self, cost: float, now: float, lane: Lane) -> float:
        """How long until there is room; a cost above all of it waits for all of it."""
        room = max(self.limit_of(lane) - cost - self.foreseen(lane, now), 0.0)
        room += ROUNDING
        if self.used(now) <= room or not self.limit:
            is_blind = self._tells and lane not in URGENT and now >= self._stands_until
            return self._blind_seconds(cost) if is_blind else 0.0
        ends = [self._spent[0][0] + self._seconds] if self._spent else []
        if now < self._stands_until:
            ends.append(self._stands_until)
        return min(ends) - now if ends else self._seconds

    def foreseen(self, lane: Lane, now: float) -> float:
        """Say how much is left to others when a request of a lane starts."""
        return 0.0 if lane in URGENT else self._others.expected(now)

    def _blind_seconds(self, cost: float) -> float:
        """Let little be sent before an answer tells what others have used."""
        under_way = sum(one.cost for one in self._open)
        is_little = not self._open or under_way + cost <= self.limit * BLIND
        return 0.0 if is_little else self._seconds  # or until an answer comes

    def take(self, cost: float, now: float, _lane: Lane) -> Spend:
        """Start a request."""
        spend = Spend(cost, now)
        self._open[spend] = None
        self._told += cost
        return spend

    def settle(self, spend: Spend, now: float) -> None:
        """Note that a request came to its end, whatever end."""
        if spend in self._open:
            del self._open[spend]
            self._spent.append((now, spend.cost))
            self._answered += spend.cost

    def give_back(self, spend: Spend) -> None:
        """Take back a request that was not sent."""
        if spend in self._open:
            del self._open[spend]
            self._told -= spend.cost

    def learn(
        self, used: float, spend: Spend, now: float, stands: float | None = None
    ) -> None:
        """Take the exchange's own figure from the answer to `spend`."""
        under_way = sum(one.cost for one in self._open if one is not spend)
        told = used + under_way
        is_older = spend.started < self._told_at
        if is_older and now < self._stands_until and told < self._told:
            return
        if stands is None:
            self._others.see(used, self._answered + spend.cost, now)
            self._answered = -spend.cost  # it is settled after this
        self._told, self._told_at = told, now
        self._stands_until = now + (self._seconds if stands is None else stands)

    def _forget(self, now: float) -> None:
        while self._spent and self._spent[0][0] + self._seconds <= now:
            self._spent.popleft()
        while self._open:
            oldest = next(iter(self._open))
            if oldest.started + OPEN_SECONDS_MAX > now:
                break
            self.settle(oldest, now)


class Share(msgspec.Struct, frozen=True):
    """What one request took."""

    weight: Spend
    order: Spend | None


class SharedBudget(Budget):
    """The weight, and the orders, which only the lanes that place them use."""

    def __init__(self, weight: SharedWindow, orders: SharedWindow | None) -> None:
        self.weight, self.orders = weight, orders

    def counts_orders(self, lane: Lane) -> bool:
        """Say whether a lane waits for room for orders as well."""
        return self.orders is not None and lane in PLACING

    def wait_seconds(self, cost: float, now: float, lane: Lane) -> float:
        """How long until both have room."""
        seconds = self.weight.wait_seconds(cost, now, lane)
        if self.orders is not None and lane in PLACING:
            seconds = max(seconds, self.orders.wait_seconds(1.0, now, lane))
        return seconds

    def take(self, cost: float, now: float, lane: Lane) -> Share:
        """Take from both."""
        counted = self.orders if self.counts_orders(lane) else None
        order = None if counted is None else counted.take(1.0, now, lane)
        return Share(self.weight.take(cost, now, lane), order)

    def settle(self, share: Share, now: float, *, sent: bool) -> None:
        """End a request: what was sent counts for a window, the rest is given back."""
        for window, spend in ((self.weight, share.weight), (self.orders, share.order)):
            if window is None or spend is None:
                continue
            if sent:
                window.settle(spend, now)
            else:
                window.give_back(spend)

    def learn(
        self, terms: Terms, told: Mapping[str, str], share: Share, now: float
    ) -> None:
        """Read what an exchange's headers tell; their names are in small letters."""
        used = told.get(terms.used_header, "")
        if used.isdecimal():
            self.weight.learn(float(used), share.weight, now)
        orders = told.get(terms.orders_header, "")
        if self.orders is not None and share.order is not None and orders.isdecimal():
            self.orders.learn(float(orders), share.order, now)
        left, most = told.get(terms.left_header, ""), told.get(terms.limit_header, "")
        if left.isdecimal() and most.isdecimal() and int(most) > 0:
            # An endpoint's own limit, by the second: when it is short, all slow down.
            share_used = 1 - int(left) / int(most)
            if share_used > SHARES[Lane.SCAN]:
                used_up = share_used * self.weight.limit
                self.weight.learn(used_up, share.weight, now, ENDPOINT_SECONDS)
