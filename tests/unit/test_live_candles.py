"""OKX's candles by REST: by what road they come, and those that are not closed yet."""

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest
from trio.testing import MockClock

from actors.market.download.fetching import Download, log_of
from actors.market.download.plan import DownloadPlan
from actors.market.live.dialect import Ask, Listed, questions
from actors.market.live.exchanges import DIALECTS
from actors.market.live.minutes import MINUTE_MS
from actors.market.live.past import Past

REST = DIALECTS["okx"].rest
NOW_MS = 1_700_006_400_000
NATIVE = "BTC-USDT-SWAP"
CANDLES, HISTORY = "/api/v5/market/candles", "/api/v5/market/history-candles"


class Okx:
    """Answers candles; the newest minute is not closed for the first answers."""

    def __init__(self, unclosed: int = 0) -> None:
        self.asked: list[tuple[str, int]] = []  # road, age of the first in minutes
        self._unclosed = unclosed

    async def fetch(self, ask: Ask) -> bytes:
        first, last = int(ask.query["before"]) + 1, int(ask.query["after"]) - 1
        self.asked.append((ask.path, (NOW_MS - first) // MINUTE_MS))
        is_newest = last >= NOW_MS - MINUTE_MS
        self._unclosed -= is_newest
        open_ts = NOW_MS - MINUTE_MS if self._unclosed >= 0 else 0
        times = range(first, last + 1, MINUTE_MS)
        rows = [row(ts, closed=ts != open_ts) for ts in times]
        return msgspec.json.encode({"code": "0", "msg": "", "data": rows[::-1]})


def row(ts: int, *, closed: bool) -> list[str]:
    return [str(ts), "1", "2", "1", "1.5", "7", "7", "7", str(int(closed))]


async def past(venue: Okx, minutes: int) -> Sequence[Any]:
    instrument = SimpleNamespace(symbol="BTC/USDT:USDT")
    listed = cast("Listed", SimpleNamespace(native=NATIVE, instrument=instrument))
    there = Past(DIALECTS["okx"], questions(venue.fetch), lambda *_: None)
    (bars,) = await there.fetch([listed], NOW_MS - minutes * MINUTE_MS, NOW_MS)
    assert there.faults == []
    return bars


async def downloaded(venue: Okx, room: Path, minutes: int, old: int = 0) -> list[int]:
    """Download up to `old` minutes ago; the minutes that are missing, by their age."""
    stop_ms = NOW_MS - old * MINUTE_MS
    plan = DownloadPlan(
        exchange="okx",
        timeframe="1m",
        bar_ms=MINUTE_MS,
        asked=None,
        symbols=("BTC/USDT:USDT",),
        natives=(NATIVE,),
        start_ms=stop_ms - minutes * MINUTE_MS,
        stop_ms=stop_ms,
        page_bars=REST.candles_per_ask,
    )
    run = Download(plan, room, REST, venue.fetch, lambda *_: None, lambda: NOW_MS)
    await run.run()
    assert run.problems == []
    pages = list(log_of(room, plan, plan.symbols[0]).pages())
    assert not any(page.damaged for page in pages)
    times = {one[0] for page in pages for one in page.rows}
    missing = set(range(plan.start_ms, stop_ms, MINUTE_MS)) - times
    return [(NOW_MS - ts) // MINUTE_MS for ts in sorted(missing)]


@pytest.fixture
def autojump_clock() -> MockClock:
    return MockClock(autojump_threshold=0)


@pytest.mark.parametrize("count", [1, 10, 100])
@pytest.mark.parametrize(
    ("age", "road"),
    [(1, CANDLES), (120, CANDLES), (1_441, HISTORY), (500_000, HISTORY)],
)
def test_the_road_of_candles_hangs_on_their_age_and_not_on_their_number(
    age: int, road: str, count: int
) -> None:
    start = NOW_MS - age * MINUTE_MS
    ask = REST.ask_candles(NATIVE, start, start + count * MINUTE_MS - 1, NOW_MS)
    assert (ask.path, ask.query["limit"]) == (road, str(count))


async def test_a_short_page_of_long_ago_is_asked_for_where_it_is_kept(
    tmp_path: Path,
) -> None:
    venue = Okx()
    assert await downloaded(venue, tmp_path, 105, old=5_000) == []
    assert venue.asked == [(HISTORY, 5_105), (HISTORY, 5_005)]


async def test_the_past_comes_by_both_roads() -> None:
    venue = Okx()
    assert len(await past(venue, 1_505)) == 1_505
    roads = dict(sorted((age, road) for road, age in venue.asked))
    assert roads[1_505] == HISTORY
    assert {road for age, road in roads.items() if age < 1_000} == {CANDLES}


@pytest.mark.parametrize(("unclosed", "asked"), [(0, 1), (2, 3)])
async def test_a_candle_that_is_not_closed_yet_is_asked_for_again(
    autojump_clock: MockClock, tmp_path: Path, unclosed: int, asked: int
) -> None:
    venue = Okx(unclosed)
    assert len(await past(venue, 5)) == 5
    assert len(venue.asked) == asked
    venue = Okx(unclosed)
    assert await downloaded(venue, tmp_path, 5) == []
    assert len(venue.asked) == asked


async def test_a_candle_that_is_never_closed_is_left_out(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    venue = Okx(unclosed=99)
    bars = await past(venue, 5)
    assert [(NOW_MS - int(bar["ts"])) // MINUTE_MS for bar in bars] == [5, 4, 3, 2]
    assert await downloaded(Okx(unclosed=99), tmp_path, 5) == [1]
