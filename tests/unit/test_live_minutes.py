"""How long a minute is waited for, and what is asked for again; in virtual time."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from random import Random
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest
import trio
from trio.testing import MockClock

from actors.domain.errors import ExchangeError, Unsent
from actors.market.live.dialect import Ask, Listed
from actors.market.live.exchanges import DIALECTS
from actors.market.live.hub import Hub
from actors.market.live.minutes import MINUTE_MS, REPAIR_SECONDS, Minutes
from actors.market.live.symbol import SymbolStream, Taps
from actors.market.live.wire import Candle, Channel
from config.settings import FeedGroup

START_MS = 1_700_006_400_000
OKX = DIALECTS["okx"]
#: Minute, symbols that have a bar of it, seconds after its close.
Emitted = tuple[int, list[int], float]
#: Symbol, number of the request for it, minute: the row of that minute, or none.
Rule = Callable[[str, int, int], list[Any] | None]


class World:
    """Some symbols of OKX; `rule` is how it answers."""

    def __init__(self, rule: Rule, count: int, seconds: float) -> None:
        self.asked: dict[str, int] = {}
        self.emitted: list[Emitted] = []
        self._rule, self._seconds = rule, seconds
        self._began = trio.current_time()
        self._slots = trio.CapacityLimiter(8)
        self.hub = Hub(OKX, "", self.now_ms, FeedGroup(), Random(0))
        taps = Taps()
        self.natives = [f"{at}-USDT-SWAP" for at in range(count)]
        for native in self.natives:
            self.hub.symbols[native] = SymbolStream(
                native, OKX, frozenset(Channel), FeedGroup(), taps
            )
        listed = [cast("Listed", SimpleNamespace(native=one)) for one in self.natives]
        streams: Any = SimpleNamespace(hub=self.hub, taps=taps)
        self.minutes = Minutes(streams, tuple(listed), self._fetch, self._emit)
        self.minutes.next_ts = START_MS

    def now_ms(self) -> int:
        return START_MS + round((trio.current_time() - self._began) * 1e3)

    async def until(self, seconds: float) -> None:
        """Wait for a moment after the first minute has opened."""
        await trio.sleep_until(self._began + seconds)

    def close(self, index: int, minute: int = 0) -> None:
        """Let the stream tell a close."""
        ts = START_MS + minute * MINUTE_MS
        told = Candle(ts, 1.0, 2.0, 1.0, 1.5, 5.0, closed=True, ts_ms=ts + MINUTE_MS)
        self.hub.symbols[self.natives[index]].candles(self.hub.now(), [told], 1)

    async def _fetch(self, ask: Ask) -> bytes:
        native = ask.query["instId"]
        self.asked[native] = number = self.asked.get(native, 0) + 1
        async with self._slots:
            await trio.sleep(self._seconds)
        first, last = int(ask.query["before"]) + 1, int(ask.query["after"]) - 1
        rows = []
        for ts in range(first, last + 1, MINUTE_MS):
            row = self._rule(native, number, (ts - START_MS) // MINUTE_MS)
            rows += [] if row is None else [row]
        return msgspec.json.encode({"code": "0", "data": rows[::-1]})

    def _emit(self, opened: int, found: dict[int, Candle]) -> None:
        late = round((self.now_ms() - opened - MINUTE_MS) / 1e3, 1)
        minute = (opened - START_MS) // MINUTE_MS
        self.emitted.append((minute, sorted(found), late))


@asynccontextmanager
async def world(
    rule: Rule, count: int = 2, seconds: float = 0.1, after: float = 0.0
) -> AsyncIterator[World]:
    """Collect minutes from `after` seconds on; before that there is an outage."""
    there = World(rule, count, seconds)
    await there.until(after)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(there.minutes.run)
        yield there
        nursery.cancel_scope.cancel()


@pytest.fixture
def autojump_clock() -> MockClock:
    return MockClock(autojump_threshold=0)


def row(minute: int, *, closed: bool = True) -> list[str]:
    ts = START_MS + minute * MINUTE_MS
    return [str(ts), "1", "2", "1", "1.5", "7", "7", "7", str(int(closed))]


def everything(_native: str, _number: int, minute: int) -> list[str]:
    return row(minute)


def nothing(_native: str, _number: int, _minute: int) -> None:
    return None


def refused(_native: str, _number: int, _minute: int) -> list[str]:
    msg = "the exchange is away"
    raise ExchangeError(msg)


async def test_a_stream_is_listened_to_beside_a_request_that_fails(
    autojump_clock: MockClock,
) -> None:
    async with world(refused) as there:
        there.close(0)
        await there.until(62.2)
        there.close(1)
        await there.until(64)
        assert there.emitted == [(0, [0, 1], 2.2)]
        assert (there.minutes.missed, there.minutes.too_late) == (0, 0)


async def test_what_rest_does_not_have_is_waited_for_and_not_asked_for_again(
    autojump_clock: MockClock,
) -> None:
    async with world(nothing) as there:
        there.close(0)
        await there.until(62.8)
        assert there.emitted == []
        there.close(1)
        await there.until(64)
        assert there.emitted == [(0, [0, 1], 2.8)]
        assert there.asked == {there.natives[1]: 1}


async def test_where_nothing_is_streamed_an_answer_is_the_end(
    autojump_clock: MockClock,
) -> None:
    async with world(lambda n, _, m: row(m) if n[0] == "0" else None) as there:
        there.hub.is_polled = True
        await there.until(64)
        assert there.emitted == [(0, [0], 1.6)]


async def test_a_failed_request_is_made_again_within_the_budget(
    autojump_clock: MockClock,
) -> None:
    def second(native: str, number: int, minute: int) -> list[str]:
        return refused(native, number, minute) if number == 1 else row(minute)

    async with world(second) as there:
        await there.until(64)
        assert there.emitted == [(0, [0, 1], 2.2)]


async def test_a_candle_that_is_not_closed_is_no_close_and_asked_for_again(
    autojump_clock: MockClock,
) -> None:
    def third(_native: str, number: int, minute: int) -> list[str]:
        return row(minute, closed=number > 1)

    async with world(third, count=1) as there:
        await there.until(64)
        assert there.emitted == [(0, [0], 2.2)]
        assert there.asked == {there.natives[0]: 2}

    async with world(lambda _n, _c, m: row(m, closed=False)) as there:
        there.close(0)
        await there.until(64)
        assert there.emitted == [(0, [0], 3.0)], "left out, and not taken as it is"


async def test_after_an_outage_a_failed_request_leaves_no_hole(
    autojump_clock: MockClock,
) -> None:
    def flaky(native: str, number: int, minute: int) -> list[str]:
        bad = native[0] == "7" and number <= 3
        return refused(native, number, minute) if bad else row(minute)

    async with world(flaky, count=9, after=5 * 60 + 30) as there:
        await there.until(5 * 60 + 40)
        whole = list(range(9))
        assert [one[:2] for one in there.emitted] == [(n, whole) for n in range(5)]


async def test_an_old_minute_is_asked_for_as_long_as_answers_come(
    autojump_clock: MockClock,
) -> None:
    """Three hundred symbols at eight in two seconds: more than half a minute."""
    async with world(everything, count=300, seconds=2, after=5 * 60 + 30) as there:
        await there.until(7 * 60)
        bars = [len(found) for _, found, _ in there.emitted[:5]]
        assert bars == [300] * 5
        assert there.minutes.missed == 0


async def test_a_gate_that_is_shut_does_not_use_up_an_old_minutes_time(
    autojump_clock: MockClock,
) -> None:
    def banned(native: str, _number: int, minute: int) -> list[str]:
        if native[0] == "1" and (left := opens - trio.current_time()) > 0:
            msg = "banned"
            raise Unsent(msg, round(left * 1e3))
        return row(minute)

    opens = trio.current_time() + 3 * 60 + 120
    async with world(banned, after=3 * 60 + 10) as there:
        await there.until(3 * 60 + 119)
        assert there.emitted == []
        await there.until(3 * 60 + 130)
        assert [found for _, found, _ in there.emitted] == [[0, 1]] * 5


async def test_who_never_answers_holds_old_minutes_up_once(
    autojump_clock: MockClock,
) -> None:
    def one_is_gone(native: str, number: int, minute: int) -> list[str]:
        passed = trio.current_time() - began
        gone = native[0] == "1" and (passed < 500 or 601 < passed < 602)
        return refused(native, number, minute) if gone else row(minute)

    began = trio.current_time()
    async with world(one_is_gone, after=5 * 60 + 5) as there:
        await there.until(5 * 60 + 5 + REPAIR_SECONDS + 1)
        assert [one[:2] for one in there.emitted] == [(n, [0]) for n in range(5)]
        await there.until(599)
        assert there.emitted[-1][:2] == (8, [0, 1]), "it is taken as soon as it answers"
        await there.until(604)
        assert there.emitted[-1] == (9, [0, 1], 2.2), "and asked again as all others"
