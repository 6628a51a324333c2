"""What happens unasked: funding, liquidation, bare positions, a market's own life."""

from decimal import Decimal
from pathlib import Path

import pytest

from actors.domain.errors import MarketDataError
from actors.loopback.accounts.order import FILLED, HOUSE, NEW
from actors.loopback.acts import Acts
from actors.loopback.exchange import Exchange
from actors.loopback.floor.grid import BUY, SELL
from actors.loopback.floor.pit import Venue
from actors.loopback.settings import SimSettings
from actors.loopback.truth import Witness
from actors.market.synthetic import Demo
from actors.runtime.clock import MarketClock
from tests.loopback.venue import MINUTE_MS, NOW_MS, Floor
from tests.recorded import ROOT

BOOKS = ROOT / "books" / "raw"
recorded = pytest.mark.skipif(not BOOKS.exists(), reason="no recorded markets here")


def test_funding_is_paid_every_eight_hours_by_longs() -> None:
    floor = Floor()
    acts = Acts(floor.exchange)
    floor.place(BUY, "MARKET", "0.02")
    wallet = floor.exchange.futures.wallet
    floor.go(8 * 60 * MINUTE_MS)
    paid = [row for row in acts.income if row["incomeType"] == "FUNDING_FEE"]
    assert len(paid) == 1
    assert paid[0]["time"] % (8 * 3_600_000) == 0
    assert floor.exchange.futures.wallet == wallet + Decimal(paid[0]["income"])
    assert Decimal("-0.3") < Decimal(paid[0]["income"]) < Decimal("-0.1")


def test_an_account_without_margin_is_liquidated() -> None:
    floor = Floor(wallet=Decimal(100))
    Acts(floor.exchange)
    floor.exchange.futures.leverage["BTCUSDT"] = 125
    floor.place(BUY, "MARKET", "0.02")
    floor.exchange.futures.wallet = Decimal(5)
    floor.go(MINUTE_MS)
    assert floor.held() == 0
    assert [o.source for o, _ in floor.fills] == ["api", HOUSE]


def test_a_position_without_its_stop_is_seen_bare_until_it_has_one() -> None:
    floor = Floor()
    acts = Acts(floor.exchange)
    witness = Witness(floor.exchange, acts)
    floor.exchange.tell_order = witness.order
    floor.exchange.tell_conditional = witness.conditional
    floor.place(BUY, "MARKET", "0.02")
    floor.go(5_000)
    half = floor.stop(SELL, "0.01", -500)
    floor.go(5_000)
    floor.stop(SELL, "0.01", -500)
    floor.go(5_000)
    assert list(witness.bare) == [("BTCUSDT", NOW_MS, NOW_MS + 10_000)]
    floor.exchange.stops.cancel(half)
    floor.go(1_000)
    lasting = witness.tell()["bare"][-1]
    assert lasting["toMs"] - lasting["fromMs"] == 1_000


def test_a_wick_reaches_a_stop_and_leaves_the_book() -> None:
    floor = Floor()
    acts = Acts(floor.exchange)
    spot = {"venue": Venue.SPOT}
    floor.place(BUY, "MARKET", "0.02", **spot)
    stop = floor.place(SELL, "STOP_LOSS", "0.01", trigger=-9_000, **spot)
    pit = floor.pit(venue=Venue.SPOT)
    best = pit.book.bids.best
    acts.wick("BTCUSDT", pit.grid.price(stop.stop_ticks + 1))
    assert stop.status == NEW
    acts.wick("BTCUSDT", pit.grid.price(stop.stop_ticks))
    assert stop.status == FILLED
    assert stop.fills[0].ticks == best  # it sells at what is bid, not at the wick


def test_a_bar_is_walked_through_all_its_corners_with_all_its_volume() -> None:
    floor = Floor(symbols=1, twins=False)
    pit = floor.pit()
    start = floor.exchange.clock.now_ms()
    floor.go(60 * MINUTE_MS)
    block = next(iter(_demo().blocks()))
    bars = block.bars[0][30:90]  # after the thirty minutes of history
    rows = pit.tape.rows(start, start + 60 * MINUTE_MS)
    tick, step = float(pit.grid.tick), float(pit.grid.step)
    assert len(rows) == len(bars) - 1 or len(rows) == len(bars)
    for row, bar in zip(rows.tolist(), bars, strict=False):
        spread = max(2, round(bar["spread_bps"] * 1e-4 * bar["close"] / tick) + 1)
        assert abs(row[2] - bar["high"] / tick) <= spread
        assert abs(row[3] - bar["low"] / tick) <= spread
        assert abs(row[5] - bar["volume"] / step) <= 1


def _demo() -> "Demo":
    return Demo(symbols=1, seed=1)


@recorded
@pytest.mark.data
def test_a_recorded_book_is_played_as_it_was() -> None:
    """Prices and trades are those of the recording, and no book is ever crossed."""
    settings = SimSettings(market=f"books:{BOOKS}", speed="hand")
    exchange = Exchange(settings, MarketClock(NOW_MS))
    pit = exchange.pit(Venue.SPOT, "BTCUSDT")
    assert pit is not None
    assert (pit.grid.tick, pit.grid.step) == (Decimal("0.01"), Decimal("0.00001"))
    for seconds in range(15, 180, 5):
        exchange.live_until(exchange.begun_ms + seconds * 1_000)
        for one in exchange.pits.values():
            bid, _, ask, _ = one.best()
            assert 0 < bid < ask
    assert 6_140_000 < pit.best()[0] < 6_200_000
    assert pit.tape.next_id > 2_000
    assert exchange.over is False


def test_a_market_that_is_none_is_refused(tmp_path: Path) -> None:
    for market in (f"books:{tmp_path}", "nonsense", f"replay:{tmp_path / 'no'}"):
        with pytest.raises(MarketDataError):
            Exchange(SimSettings(market=market), MarketClock(NOW_MS))


@recorded
@pytest.mark.data
def test_recorded_candles_of_five_minutes_become_one_minute_candles() -> None:
    path = ROOT / "candles" / "binance_usdm_5m.parquet"
    settings = SimSettings(market=f"replay:{path}", symbols=2, speed="hand")
    exchange = Exchange(settings, MarketClock(NOW_MS))
    exchange.live_until(NOW_MS + 12 * MINUTE_MS)
    pit = next(iter(exchange.pits.values()))
    times = pit.tape.rows(0, 2**62)[:, 0]
    assert len(times) > 1_000
    assert set((times[1:] - times[:-1]).tolist()) == {MINUTE_MS}
