"""A download: pages, what is torn, what is missing and why, and its end."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from trio.testing import MockClock

from actors.domain.errors import ExchangeError, MarketDataError
from actors.market.download.fetching import Download, log_of
from actors.market.download.gaps import Why, report
from actors.market.download.pages import Page, PageLog
from actors.market.download.place import Place, remove
from actors.market.download.plan import DownloadPlan, moment_ms
from actors.market.live.dialect import Ask
from actors.market.live.exchanges import DIALECTS
from actors.market.port import open_market

MINUTE = 60_000
START = 1_700_006_400_000
BARS, PAGE = 100, 10
NOW_MS = START + 5_000 * MINUTE
SYMBOLS = ("BTC/USDT", "ETH/USDT")
PLAN = DownloadPlan(
    exchange="binance",
    timeframe="1m",
    bar_ms=MINUTE,
    asked=None,
    symbols=SYMBOLS,
    natives=("BTCUSDT", "ETHUSDT"),
    start_ms=START,
    stop_ms=START + BARS * MINUTE,
    page_bars=PAGE,
)


class Venue:
    """Answers klines; `make` gives each minute its row, or none."""

    def __init__(self, make: Callable[[int], Any] | None = None) -> None:
        self.make = make or sound
        self.asked: list[tuple[str, int]] = []
        self.down: Callable[[int], bool] = lambda _: False

    async def fetch(self, ask: Ask) -> bytes:
        first, last = (int(ask.query[name]) for name in ("startTime", "endTime"))
        number = (first - START) // MINUTE
        self.asked.append((ask.query["symbol"], number))
        if self.down(number):
            msg = "the exchange is away"
            raise ExchangeError(msg)
        minutes = range(number, (last - START) // MINUTE + 1)
        rows = [self.make(minute) for minute in minutes]
        return msgspec.json.encode([row for row in rows if row is not None])


def sound(minute: int) -> list[Any]:
    ts = START + minute * MINUTE
    return kline(ts, 10.0 + minute, 12.0 + minute, 9.0 + minute, 11.0 + minute)


def kline(ts: int, *prices: float) -> list[Any]:
    return [ts, *map(str, prices), "5.5", ts + MINUTE - 1, "1", 3]


async def downloaded(place: Place, venue: Venue) -> Download:
    rest = DIALECTS["binance"].rest
    run = Download(PLAN, place.room, rest, venue.fetch, lambda *_: None, lambda: NOW_MS)
    await run.run()
    return run


def finish(place: Place) -> None:
    reports = tuple(
        report(PLAN, symbol, log_of(place.room, PLAN, symbol).pages())
        for symbol in SYMBOLS
    )
    place.finish(PLAN, reports)


def replayed(target: Path) -> dict[str, list[tuple[int, float]]]:
    market = open_market(f"replay:{target}", symbols=None, seed=1)
    names = [one.symbol for one in market.describe().instruments]
    found: dict[str, list[tuple[int, float]]] = {name: [] for name in names}
    for block in market.blocks():
        for name, bars in zip(names, block.bars, strict=True):
            found[name] += zip(bars["ts"].tolist(), bars["close"].tolist(), strict=True)
    return found


EXPECTED = {s: [(START + n * MINUTE, 11.0 + n) for n in range(BARS)] for s in SYMBOLS}


@pytest.fixture
def autojump_clock() -> MockClock:
    return MockClock(autojump_threshold=0)


@pytest.fixture(params=["bars.parquet", "bars"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    return Place(tmp_path / request.param)


async def test_what_was_downloaded_is_replayed(place: Place) -> None:
    venue = Venue()
    with place.held():
        place.begin(PLAN)
        run = await downloaded(place, venue)
        assert (run.fetched, run.problems) == (20, [])
        finish(place)
    assert replayed(place.target) == EXPECTED
    assert not place.room.exists()
    done = place.finished()
    assert done is not None
    assert done.plan == PLAN
    assert [one.bars for one in done.reports] == [BARS, BARS]


async def test_nothing_is_asked_for_twice_wherever_a_file_was_torn(
    tmp_path: Path,
) -> None:
    """Cut anywhere in the last two lines: whole pages stay, the rest comes anew."""
    place = Place(tmp_path / "bars.parquet")
    place.room.mkdir()
    await downloaded(place, Venue())
    path = log_of(place.room, PLAN, SYMBOLS[0]).path
    whole = path.read_bytes()
    lines = whole.splitlines(keepends=True)
    for cut in range(len(whole) - len(lines[-1]) - len(lines[-2]), len(whole), 37):
        path.write_bytes(whole[:cut])
        venue = Venue()
        run = await downloaded(place, venue)
        lost = 2 if cut < len(whole) - len(lines[-1]) else 1
        assert venue.asked == [("BTCUSDT", 10 * (10 - n)) for n in range(lost, 0, -1)]
        assert run.fetched == lost
        assert path.read_bytes() == whole


async def test_a_line_that_rots_is_fetched_again_and_never_read(tmp_path: Path) -> None:
    place = Place(tmp_path / "bars.parquet")
    place.room.mkdir()
    await downloaded(place, Venue())
    path = log_of(place.room, PLAN, SYMBOLS[1]).path
    whole = path.read_bytes()
    at = whole.index(b"15.0")
    path.write_bytes(whole[:at] + b"95.0" + whole[at + 4 :])
    venue = Venue()
    await downloaded(place, venue)
    assert [name for name, _ in venue.asked] == ["ETHUSDT"] * 10
    assert path.read_bytes() == whole


async def test_every_missing_bar_is_told_with_its_reason(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    def make(minute: int) -> Any:
        ts = START + minute * MINUTE
        rows = {
            30: kline(ts, 10.0, 9.0, 8.0, 10.0),  # its high is below its open
            31: kline(ts, 0.0, 0.0, 0.0, 0.0),
            40: None,
            41: None,
        }
        return rows.get(minute, sound(minute)) if minute >= 15 else None

    place, venue = Place(tmp_path / "bars.parquet"), Venue(make)
    venue.down = lambda minute: minute == 60
    place.room.mkdir()
    run = await downloaded(place, venue)
    assert len(run.problems) == 2
    assert "the exchange is away" in run.problems[0]
    pages = list(log_of(place.room, PLAN, SYMBOLS[0]).pages())
    found = report(PLAN, SYMBOLS[0], pages)
    assert found.missing == {"before": 15, "not_traded": 2, "damaged": 2, "failed": 10}
    assert found.bars == BARS - 29
    assert [
        (gap.why, (gap.start_ms - START) // MINUTE, gap.bars) for gap in found.gaps
    ] == [
        (Why.BEFORE, 0, 15),
        (Why.DAMAGED, 30, 2),
        (Why.NOT_TRADED, 40, 2),
        (Why.FAILED, 60, 10),
    ]
    assert (
        str(found.gaps[2]) == "not_traded 2023-11-15 00:40 to 2023-11-15 00:42: 2 bars"
    )
    venue.asked.clear()
    venue.down = lambda _: False
    assert (await downloaded(place, venue)).problems == []
    assert sorted(venue.asked) == [("BTCUSDT", 60), ("ETHUSDT", 60)]
    finish(place)
    times = [(ts - START) // MINUTE for ts, _ in replayed(place.target)[SYMBOLS[1]]]
    assert times == [n for n in range(15, BARS) if n not in {30, 31, 40, 41}]


async def test_a_symbol_whose_pages_all_fail_is_left_for_another_run(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    place, venue = Place(tmp_path / "bars.parquet"), Venue()
    venue.down = lambda _: True
    place.room.mkdir()
    run = await downloaded(place, venue)
    assert len(run.problems) == 2 * 3
    assert len(venue.asked) == 2 * 3 * 4


@pytest.mark.parametrize("moment", range(6))
async def test_an_end_that_is_cut_short_is_made_again(
    place: Place, moment: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Die at each rename and each removal of the end; another run completes it."""

    class Died(BaseException):
        pass

    steps = 0

    def dying(original: Any) -> Any:
        def act(*given: Any, **named: Any) -> Any:
            nonlocal steps
            steps += 1
            if steps == moment:
                raise Died
            return original(*given, **named)

        return act

    with place.held():
        place.begin(PLAN)
        await downloaded(place, Venue())
        with monkeypatch.context() as patched:
            patched.setattr(Path, "rename", dying(Path.rename))
            patched.setattr("actors.market.download.place.remove", dying(remove))
            try:
                finish(place)
            except Died:
                assert steps == moment
    venue = Venue()
    place.sweep()
    if place.finished() is None:
        with place.held():
            assert place.begun() == PLAN
            await downloaded(place, venue)
            finish(place)
    assert venue.asked == []
    assert replayed(place.target) == EXPECTED
    beside = {path.name for path in place.target.parent.iterdir()}
    assert beside <= {place.target.name, f"{place.target.name}.json"}


def test_one_process_downloads_to_a_place(tmp_path: Path) -> None:
    place = Place(tmp_path / "bars.parquet")
    with place.held():
        place.begin(PLAN)
        with pytest.raises(MarketDataError, match="another process"), place.held():
            pass
        assert place.begun() == PLAN


def test_what_is_no_download_is_not_written_over(tmp_path: Path) -> None:
    target = tmp_path / "bars.parquet"
    target.write_bytes(b"mine")
    with pytest.raises(MarketDataError, match="no finished download"):
        Place(target).finished()
    with pytest.raises(MarketDataError, match="parquet"):
        Place(tmp_path / "bars.csv")
    with pytest.raises(MarketDataError, match="parquet"):
        Place(Path())


async def test_a_full_disk_ends_it_and_the_next_run_goes_on(tmp_path: Path) -> None:
    place, venue = Place(tmp_path / "bars.parquet"), Venue()
    place.room.mkdir()
    append, left = PageLog.append, [7]

    def full(log: PageLog, page: Page) -> None:
        left[0] -= 1
        if left[0] < 0:
            with log.path.open("ab") as file:
                file.write(b"0123 {torn")
            raise OSError(28, "No space left on device")
        append(log, page)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(PageLog, "append", full)
        with pytest.raises(MarketDataError, match="No space left"):
            await downloaded(place, venue)
    venue.asked.clear()
    assert (await downloaded(place, venue)).fetched == 20 - 7
    finish(place)
    assert replayed(place.target) == EXPECTED


def test_a_page_is_written_and_read(tmp_path: Path) -> None:
    log = PageLog(tmp_path / "x.pages")
    page = Page(START, START + MINUTE, ((START, 0.1, 0.3, 0.1, 0.2, 1e-8),), (START,))
    assert log.repair() == set()
    log.append(page)
    assert log.repair() == {page.span}
    assert list(log.pages()) == [page]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"stop_ms": START}, "no 1m candle"),
        ({"start_ms": 0}, "--since"),
        ({"symbols": ()}, "1 to 2000"),
        ({"bar_ms": 1, "page_bars": 1, "stop_ms": START + 10**8}, "in parts"),
    ],
)
def test_a_plan_has_bounds(change: dict[str, Any], said: str) -> None:
    with pytest.raises(MarketDataError, match=said):
        msgspec.structs.replace(PLAN, **change).check()
    PLAN.check()


def test_a_moment_is_utc_unless_it_says() -> None:
    assert moment_ms("2023-11-15", "--since") == START
    assert moment_ms("2023-11-15T01:00+01:00", "--since") == START
    with pytest.raises(MarketDataError, match="--until is 'soon'"):
        moment_ms("soon", "--until")
