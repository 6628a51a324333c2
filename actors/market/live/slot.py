"""Keeps one connection's worth of topics alive, over failures and take-overs.

A connection that fails is dialled again after a pause that grows to four seconds, so
that a feed which returns is heard within five; an exchange that bars us is not dialled
before it allows it (`Hub.failed`). A connection that grows old, or whose
end is announced, is succeeded while it still runs: the new one subscribes, brings its
first data, both run for a moment, and only then the old one says goodbye. What both
bring is passed on once, as the symbols know what they have seen.
"""

from random import Random

import trio

from actors.market.live.hub import Hub
from actors.market.live.lane import Lane, Plan
from actors.market.live.wire import Channel

FIRST_PAUSE_SECONDS = 0.25
LAST_PAUSE_SECONDS = 4.0
OVERLAP_SECONDS = 2.0
#: A successor that is not ready by then is given up, and another one tried.
TAKEOVER_SECONDS = 30.0


class Slot:
    """One place for a connection; mostly one lane is in it, for moments two."""

    def __init__(self, plan: Plan, hub: Hub) -> None:
        self.lane: Lane | None = None
        self.reconnects = 0
        self.takeovers = 0
        self._plan = plan
        self._hub = hub
        self._changed = trio.Event()
        self._failures = 0
        # Not all connections of one start grow old in the same minute.
        self._lifetime = hub.dialect.limits.lifetime_seconds * hub.random.uniform(
            0.95, 1.0
        )

    def resubscribe(self, name: str) -> None:
        """Have one topic begun anew on whatever connection there is."""
        if self.lane is not None:
            self.lane.resubscribe(name)

    async def run(self) -> None:
        """Run until cancelled; what an earlier run had is lost."""
        if self.lane is not None:
            self._lost()
            self.reconnects += 1
        async with trio.open_nursery() as nursery:
            self.lane = lane = self._begin(nursery)
            while True:
                await self._until_over_or_old(lane)
                if lane.reason is not None:
                    lane = await self._again(nursery, lane)
                else:
                    lane = await self._succeed(nursery, lane)
                self.lane = lane

    def _begin(self, nursery: trio.Nursery) -> Lane:
        lane = Lane(self._plan, self._hub, self._poke)
        nursery.start_soon(lane.run)
        return lane

    def _poke(self) -> None:
        self._changed.set()

    async def _change(self, until: float) -> None:
        """Wait until a lane has something to say, or for that moment."""
        with trio.move_on_at(until):
            await self._changed.wait()
        self._changed = trio.Event()

    async def _until_over_or_old(self, lane: Lane) -> None:
        while lane.reason is None and not lane.closing:
            old_at = lane.opened_at + self._lifetime
            if trio.current_time() >= old_at:
                return
            await self._change(old_at)

    async def _again(self, nursery: trio.Nursery, lane: Lane) -> Lane:
        """Dial again after a failure; its books are not in step any more."""
        self._lost()
        self._failures = 0 if lane.messages else self._failures + 1
        pause = pause_seconds(self._failures, self._hub.random)
        self._hub.tell("reconnecting", why=str(lane.reason), pause_seconds=pause)
        self.reconnects += 1
        await trio.sleep(pause)
        return self._begin(nursery)

    def _lost(self) -> None:
        now = self._hub.now()
        for topic in self._plan.topics:
            if topic.channel is Channel.DEPTH:
                self._hub.symbols[topic.native].lost(now)

    async def _succeed(self, nursery: trio.Nursery, old: Lane) -> Lane:
        """Let another connection take over; the old one, if none could."""
        heir = self._begin(nursery)
        deadline = trio.current_time() + TAKEOVER_SECONDS
        while not heir.ready and heir.reason is None and old.reason is None:
            if trio.current_time() >= deadline:
                break
            await self._change(deadline)
        if old.reason is not None:
            self._lost()  # it did not hold out; the heir is on its way
            return heir
        if not heir.ready:
            await heir.retire()
            self._leave_to(old)
            await trio.sleep(pause_seconds(3, self._hub.random))
            return old
        await trio.sleep(OVERLAP_SECONDS)
        self.takeovers += 1
        await old.retire()
        self._leave_to(heir)
        return heir

    def _leave_to(self, lane: Lane) -> None:
        """Have the books that the other lane brought begun anew on the one that stays.

        They would be whole for ever: this one's updates are not of their sequence.
        """
        now = self._hub.now()
        for topic in self._plan.topics:
            if topic.channel is Channel.DEPTH:
                self._hub.symbols[topic.native].left_to(now, lane.generation)


def pause_seconds(failures: int, random: Random) -> float:
    """Double the pause with each failure, never the same for all connections."""
    longest = min(LAST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2.0**failures)
    return longest * random.uniform(0.5, 1.0)
