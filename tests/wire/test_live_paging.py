"""Fills are paged as Binance gives them: a week from a start, or from an id on."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest

from actors.domain.errors import ExchangeError
from actors.exchange.live import binance
from actors.exchange.live.binance import WINDOW_MS, Binance
from actors.exchange.live.capabilities import ROWS
from actors.exchange.live.registry import Registry
from actors.exchange.live.symbols import Symbols
from actors.exchange.live.wire import Wire
from tests.unit.test_live_plan import BTC, plan
from tests.wire.http_peer import Heard, answering

pytestmark = pytest.mark.usefixtures("no_asyncio_loop")

DAY_MS = 86_400_000
NOW_MS = 1_790_000_000_000


def trade(number: int, at_ms: int) -> dict[str, Any]:
    return {
        "symbol": "BTCUSDT",
        "id": number,
        "orderId": 7,
        "price": "100000",
        "qty": "0.001",
        "commission": "0.05",
        "commissionAsset": "USDT",
        "time": at_ms,
        "buyer": True,
        "maker": False,
    }


class Book:
    """The account's trades, given as USD-M gives them."""

    def __init__(self, *days_ago: float) -> None:
        times = [NOW_MS - int(days * DAY_MS) for days in days_ago]
        self.trades = [trade(number, ms) for number, ms in enumerate(times, start=1)]
        self.asked: list[str] = []

    async def answer(self, heard: Heard) -> None:
        parts = urlsplit(heard.line.split(" ")[1])
        fields = {name: value[0] for name, value in parse_qs(parts.query).items()}
        name = parts.path.rpartition("/")[2]
        self.asked.append(name)
        await heard.answer(msgspec.json.encode(self._told(name, fields)))

    def _told(self, name: str, fields: dict[str, str]) -> Any:
        if name == "order":
            return {"orderId": 7, "clientOrderId": "bx0-a"}
        if name == "allAlgoOrders":
            return []
        start, limit = int(fields.get("startTime", 0)), int(fields["limit"])
        if name == "income":
            rows = [{"symbol": "BTCUSDT", "time": one["time"]} for one in self.trades]
            return [row for row in rows if row["time"] >= start][:limit]
        first = int(fields.get("fromId", 0))
        end = start + WINDOW_MS if start else NOW_MS + 1
        return [
            one
            for one in self.trades
            if start <= one["time"] < end and one["id"] >= first
        ][:limit]


async def fills(book: Book, since_ms: int) -> list[str]:
    async with answering(book.answer) as address:
        wire = Wire(plan(rest_url=address), ROWS["binanceusdm"])
        async with wire.exchange:
            symbols = Symbols((BTC,))
            symbols.learn("BTCUSDT", BTC.symbol)
            venue = Binance(wire, symbols, Registry(lambda: NOW_MS), usdm=True)
            found = await venue.fills(since_ms, NOW_MS)
    assert {fill.client_id for fill in found} <= {"bx0-a"}
    return [fill.trade_id for fill in found]


def names(*numbers: int) -> list[str]:
    return [f"BTCUSDT-{number}-b" for number in numbers]


@pytest.mark.parametrize(
    "days_ago",
    [
        (0.1,),
        (20, 19, 1, 0.5, 0.1),
        (20, 12, 11.9, 0.1),
        (3, 2.5, 2, 1.5, 1, 0.5),
        (14.0, 7.0),
    ],
)
async def test_every_fill_comes_once(
    monkeypatch: pytest.MonkeyPatch, days_ago: tuple[float, ...]
) -> None:
    monkeypatch.setattr(binance, "PAGE", 2)
    book = Book(*days_ago)
    found = await fills(book, NOW_MS - 30 * DAY_MS)
    assert found == names(*range(1, len(days_ago) + 1))
    assert book.asked.count("order") == 1


async def test_what_is_older_is_left_out() -> None:
    assert await fills(Book(3, 2, 1), NOW_MS - 2 * DAY_MS) == names(2, 3)


async def test_nothing_since_is_nothing() -> None:
    assert await fills(Book(), NOW_MS - DAY_MS) == []


async def test_more_pages_than_there_may_be_is_an_error_and_no_part_of_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(binance, "PAGE", 1)
    monkeypatch.setattr(binance, "PAGES_MAX", 3)
    too_many = pytest.RaisesExc(ExchangeError, match="more than 3 pages")
    with pytest.RaisesGroup(too_many, flatten_subgroups=True):
        await fills(Book(5, 4, 3, 2, 1), NOW_MS - 6 * DAY_MS)
