"""One alarm clock for all actors: a due message is told like any other.

A `trio.sleep` per actor costs 19-43 us a wake-up, because it ends by raising
Cancelled; one heap for all costs 1-3 us. A timer carries the incarnation that armed
it, so that what a crashed actor wanted to do later does not reach its successor.
"""

import heapq
import itertools
from typing import TYPE_CHECKING

import trio

from actors.runtime.errors import TooManyTimers

if TYPE_CHECKING:
    from actors.runtime.actor import ActorContext

TIMERS_PER_ACTOR_MAX = 1024
#: Fewer cancelled timers than this are not worth rebuilding the heap for.
CANCELLED_MIN = 64


class Timer:
    """One pending message; `cancel` makes it never come."""

    __slots__ = ("_timers", "context", "message", "pending")

    def __init__(
        self, timers: "Timers", context: "ActorContext", message: object
    ) -> None:
        self._timers = timers
        self.context = context
        self.message = message
        self.pending = True

    def cancel(self) -> None:
        """Do not send the message after all; harmless when repeated."""
        if self.pending:
            self.settle()
            self._timers.note_cancelled()

    def settle(self) -> None:
        """Stop counting this timer against its actor."""
        self.pending = False
        self.context.timers_pending -= 1


class Timers:
    """The heap of pending timers and the one task that serves it."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Timer]] = []
        # Equal due times fire in the order they were armed.
        self._sequence = itertools.count()
        self._cancelled = 0
        self._sleep = trio.CancelScope()
        self._life = trio.CancelScope(shield=True)

    def __len__(self) -> int:
        return len(self._heap)

    def arm(self, context: "ActorContext", seconds: float, message: object) -> Timer:
        """Let the actor be told `message` in `seconds`, if it still lives then."""
        if context.timers_pending >= TIMERS_PER_ACTOR_MAX:
            text = (
                f"{context.name} has {context.timers_pending} timers pending; the limit"
                f" is {TIMERS_PER_ACTOR_MAX}; arm the next when one fires"
            )
            raise TooManyTimers(text)
        context.timers_pending += 1
        timer = Timer(self, context, message)
        due = trio.current_time() + max(seconds, 0.0)
        heapq.heappush(self._heap, (due, next(self._sequence), timer))
        # Moving a deadline needs no wake-up of the sleeping task.
        self._sleep.deadline = min(self._sleep.deadline, due)
        return timer

    def note_cancelled(self) -> None:
        """Count a dead entry; rebuild the heap when most of it is dead."""
        self._cancelled += 1
        if self._cancelled > max(CANCELLED_MIN, len(self._heap) // 2):
            self._heap = [entry for entry in self._heap if entry[2].pending]
            heapq.heapify(self._heap)
            self._cancelled = 0

    async def run(self) -> None:
        """Fire what is due, then sleep until the next; ends with `stop`."""
        with self._life:
            while True:
                self._fire_due()
                due = self._heap[0][0] if self._heap else float("inf")
                self._sleep = trio.CancelScope(deadline=due)
                with self._sleep:
                    await trio.sleep_forever()

    def stop(self) -> None:
        """End the task; pending timers are forgotten."""
        self._life.cancel("the actor tree has ended")

    def _fire_due(self) -> None:
        """Tell every due message whose incarnation still lives."""
        now = trio.current_time()
        while self._heap and self._heap[0][0] <= now:
            timer = heapq.heappop(self._heap)[2]
            if not timer.pending:
                self._cancelled -= 1
                continue
            timer.settle()
            if timer.context.alive:
                timer.context.ref.tell(timer.message)
