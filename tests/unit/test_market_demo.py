"""The demo market is reproducible, consistent, and breaks out as breakouts do."""

import itertools
from decimal import Decimal
from functools import cache

import numpy as np
import pytest

from actors.domain.bars import CONTEXT_COLUMNS, Bars
from actors.domain.errors import MarketDataError
from actors.market.port import open_market, steps
from actors.market.regimes import Regime
from actors.market.synthetic import START_MS, Demo, symbol_name
from tests.market_files import MINUTE, joined

BLOCKS = 12
SYMBOLS = 20
HOURS = BLOCKS * 4


def take(demo: Demo, count: int, blocks: int) -> list[Bars]:
    made = list(itertools.islice(demo.blocks(), blocks))
    return [joined(made, index) for index in range(count)]


@cache
def market() -> list[Bars]:
    """Two days of twenty symbols, shared by the tests that only read."""
    return take(Demo(symbols=SYMBOLS, seed=7), SYMBOLS, BLOCKS)


@cache
def regimes() -> tuple[np.ndarray, np.ndarray]:
    """What `market` was doing: the same walk over the same draws."""
    demo = Demo(symbols=SYMBOLS, seed=7)
    walk = demo._walk()
    paths = [walk.advance(*demo._draws(number)) for number in range(BLOCKS)]
    return (
        np.concatenate([path.regime for path in paths]),
        np.concatenate([path.side for path in paths]),
    )


def breaks(least_past: int = 60) -> list[tuple[Bars, int, int]]:
    """Every break with its symbol's bars, row and side."""
    regime, side = regimes()
    return [
        (market()[index], row, int(side[row, index]))
        for row, index in np.argwhere(regime == Regime.BREAK).tolist()
        if least_past <= row < len(regime) - 30
    ]


def test_one_seed_is_one_market() -> None:
    again = take(Demo(symbols=3, seed=7), 3, 2)
    twice = take(Demo(symbols=3, seed=7), 3, 2)
    other = take(Demo(symbols=3, seed=8), 3, 2)
    for first, second, third in zip(again, twice, other, strict=True):
        assert first.tobytes() == second.tobytes()
        assert (first["close"] != third["close"]).mean() > 0.9


def test_a_symbol_does_not_depend_on_how_many_others_there_are() -> None:
    few = take(Demo(symbols=4, seed=7), 4, 1)
    for index, bars in enumerate(few):
        for name in set(bars.dtype.names) - {"volume_rank"}:
            many = market()[index][name][: len(bars)]
            np.testing.assert_array_equal(bars[name], many)


def test_blocks_follow_each_other_minute_by_minute() -> None:
    made = list(itertools.islice(Demo(symbols=2, seed=1).blocks(), 3))
    walked = [step for block in made for step in steps(block, MINUTE)]
    opens = [step.open_ts for step in walked]
    assert opens == [START_MS + at * MINUTE for at in range(720)]
    assert all(step.indices == [0, 1] for step in walked)


def test_prices_are_whole_bars_on_the_tick_grid() -> None:
    described = Demo(symbols=SYMBOLS, seed=7).describe().instruments
    for instrument, bars in zip(described, market(), strict=True):
        top = np.maximum(bars["open"], bars["close"])
        bottom = np.minimum(bars["open"], bars["close"])
        assert (bars["high"] >= top).all()
        assert (bars["low"] <= bottom).all()
        assert (bars["low"] > 0).all()
        for row in bars[:50]:
            for name in ("open", "high", "low", "close"):
                price = Decimal(repr(float(row[name])))
                assert price % instrument.tick_size == 0
            volume = Decimal(repr(float(row["volume"])))
            assert volume >= instrument.lot_size
            assert volume % instrument.lot_size == 0


def test_every_tenth_symbol_is_spot_and_the_rest_may_be_sold_short() -> None:
    described = Demo(symbols=30, seed=0).describe()
    spot = [at for at, one in enumerate(described.instruments) if not one.shortable]
    assert spot == [9, 19, 29]
    assert described.instruments[9].symbol == "DOT/USDT"
    assert described.instruments[17].symbol == "SYM017/USDT:USDT"
    assert described.benchmark == described.instruments[0].symbol == "BTC/USDT:USDT"
    assert (described.bars_total, described.end_ms) == (None, None)


def test_context_is_known_except_open_interest_of_spot() -> None:
    for index, bars in enumerate(market()):
        for name in CONTEXT_COLUMNS:
            unknown = index % 10 == 9 and name == "open_interest_usd"
            assert np.isnan(bars[name]).all() == unknown
            assert unknown or np.isfinite(bars[name]).all()


def test_context_agrees_with_itself_and_the_prices() -> None:
    benchmark = market()[0]["close"]
    for bars in market():
        bid, ask = bars["bid_depth_03_usd"], bars["ask_depth_03_usd"]
        np.testing.assert_allclose((bid - ask) / (bid + ask), bars["imbalance"])
        assert (bars["bid_depth_05_usd"] > bid).all()
        assert (bars["ask_depth_05_usd"] > ask).all()
        np.testing.assert_array_equal(bars["reference_close"], benchmark)
        assert (bars["trades_per_minute"] >= 1).all()
        assert ((bars["spread_bps"] > 0) & (bars["spread_bps"] < 30)).all()


def test_ranks_follow_the_last_24_full_hours() -> None:
    quote = np.array([bars["close"] * bars["volume"] for bars in market()])
    ranks = np.array([bars["volume_rank"] for bars in market()])
    changes = 0
    for hour in range(24, HOURS):
        sums = quote[:, (hour - 24) * 60 : hour * 60].sum(axis=1)
        wanted = [1 + int((sums > one).sum()) for one in sums]
        # The bar that closes on the hour is the first to know it.
        first = hour * 60 - 1
        assert (wanted == ranks[:, first : first + 60].T).all()
        changes += (ranks[:, first] != ranks[:, first - 1]).any()
    assert changes > 0


def test_volume_goes_with_the_size_of_the_move() -> None:
    for bars in market():
        move = np.abs(bars["close"] / bars["open"] - 1)
        assert np.corrcoef(move, bars["volume"])[0, 1] > 0.25


def test_returns_share_the_benchmarks_factor() -> None:
    returns = np.diff(np.log([bars["close"] for bars in market()]), axis=1)
    correlations = np.corrcoef(returns)[0, 1:]
    assert (correlations > 0.15).all()
    assert (correlations < 0.85).all()


def test_a_break_closes_beyond_an_edge_that_was_touched_several_times() -> None:
    touched, beyond = [], []
    for bars, row, side in breaks():
        past = bars[row - 60 : row]
        way, close = ("high", max) if side > 0 else ("low", min)
        edge = close(past[way][-30:].tolist())
        beyond.append(side * (bars["close"][row] / edge - 1) * 1e4)
        near = np.abs(past[way] / edge - 1) < 0.001
        touched.append(int((np.diff(near.astype(int)) == 1).sum()))
    assert np.median(touched) >= 3
    assert 12 < np.median(beyond) < 30


def test_a_break_has_volume_and_the_book_behind_it() -> None:
    surges, imbalances = [], []
    for bars, row, side in breaks():
        usual = np.median(bars["volume"][row - 19 : row])
        surges.append(bars["volume"][row] / usual)
        imbalances.append(side * bars["imbalance"][row])
    assert 2 < np.median(surges) < 4
    assert np.mean(np.array(imbalances) > 0.15) > 0.9


def test_some_breaks_follow_through_and_some_fail() -> None:
    """After 20 minutes: well beyond the breaking close, or back inside the range."""
    moved = np.array(
        [
            side * (bars["close"][row + 20] / bars["close"][row] - 1) * 1e4
            for bars, row, side in breaks()
        ]
    )
    assert len(moved) > 100
    assert (moved > 50).mean() > 0.25
    assert (moved < -50).mean() > 0.2


def test_breakouts_come_a_few_times_an_hour() -> None:
    assert 2 < len(breaks()) / HOURS < 10


def test_prices_gap_and_jump_now_and_then() -> None:
    gaps = jumps = 0
    for bars in market()[1:]:
        gaps += int((np.abs(bars["open"][1:] / bars["close"][:-1] - 1) > 0.001).sum())
        jumps += int((np.abs(bars["close"] / bars["open"] - 1) > 0.012).sum())
    assert gaps > 20
    assert jumps > 5


def test_named_symbols_are_those_of_the_whole_market() -> None:
    chosen = ("SYM017/USDT:USDT", "ETH/USDT:USDT")
    demo = open_market("demo", symbols=chosen, seed=7)
    names = [one.symbol for one in demo.describe().instruments]
    assert names == ["ETH/USDT:USDT", "SYM017/USDT:USDT"]
    block = next(demo.blocks())
    for index, bars in zip((1, 17), block.bars, strict=True):
        np.testing.assert_array_equal(bars["close"], market()[index]["close"][:240])
        np.testing.assert_array_equal(
            bars["reference_close"], market()[0]["close"][:240]
        )


@pytest.mark.parametrize(
    "symbols",
    [
        ("DOGE/BTC",),
        ("DOT/USDT:USDT",),  # the tenth is spot
        ("SYM003/USDT:USDT",),  # the fourth has a name
        ("SYM17/USDT:USDT",),
        ("",),
        (),
        0,
    ],
)
def test_symbol_that_the_demo_does_not_have_is_refused(
    symbols: int | tuple[str, ...],
) -> None:
    with pytest.raises(MarketDataError, match=r"demo has no symbol|at least 1"):
        Demo(symbols=symbols)


def test_names_are_all_different() -> None:
    names = [symbol_name(index) for index in range(2000)]
    assert len(set(names)) == 2000
