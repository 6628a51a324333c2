"""Recorded sessions in the words of ccxt: symbols, channels, and what differs.

What a recording's client had asked for and ccxt never asks for is taken out of the
frames again (Bitfinex's sequence numbers). Kraken's session is of version 1, which ccxt
does not speak any more: it is heard as it is, and once more in the words of version 2.
"""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec

from tests.wire_sessions import lines

#: A message's channel and what it is about; "" where it is a control message.
Channelled = Callable[[Any, dict[int, tuple[str, str]]], str]


def as_it_is(text: str) -> list[str]:
    return [text]


class Wire(msgspec.Struct, frozen=True):
    """How one exchange's recording is read."""

    name: str  # of the file
    exchange: str  # ccxt's id
    url: str
    channel: Channelled
    supported: frozenset[str]
    joint: str = ""  # between base and quote in the exchange's own names
    options: dict[str, Any] = {}
    #: A frame in ccxt's words; none: it has no place there.
    worded: Callable[[str], list[str]] = as_it_is


class Line(msgspec.Struct, frozen=True):
    """One line: what was received, or what REST answered and where."""

    kind: str
    where: str
    text: str
    at_ms: int


def recorded(wire: Wire) -> Iterator[Line]:
    for row in lines(wire.name):
        if row["t"] in {"recv", "http"} and "data" in row:
            where = row.get("url") or row["conn"]
            for text in (
                wire.worded(row["data"]) if row["t"] == "recv" else [row["data"]]
            ):
                yield Line(row["t"], where, text, int(row["ts"] * 1000))


def without_numbers(text: str) -> list[str]:
    """Take out the sequence number: it came because flag 65536 was asked for."""
    message = json.loads(text)
    if not isinstance(message, list) or not isinstance(message[0], int):
        return [text]
    return [json.dumps(message[:-1])]


def in_version_2(text: str) -> list[str]:
    """Word a message of Kraken's version 1 as version 2 says the same."""
    message = json.loads(text)
    if not isinstance(message, list):
        return []
    *said, channel, pair = message[1:]
    symbol = pair.replace("XBT", "BTC")
    channel = channel.partition("-")[0]
    kind = "snapshot" if channel == "book" and "as" in said[0] else "update"
    data = [{"symbol": symbol, **fact} for fact in KRAKEN_FACTS[channel](said)]
    return [json.dumps({"channel": channel, "type": kind, "data": data})]


def kraken_trades(said: list[Any]) -> list[dict[str, Any]]:
    return [
        {
            "price": float(price),
            "qty": float(size),
            "side": "sell" if side == "s" else "buy",
            "timestamp": iso(float(at)),
        }
        for price, size, at, side, *_ in said[0]
    ]


def kraken_ticker(said: list[Any]) -> list[dict[str, Any]]:
    ask, bid = said[0]["a"], said[0]["b"]
    sizes = {"bid_qty": float(bid[2]), "ask_qty": float(ask[2])}
    return [{"bid": float(bid[0]), "ask": float(ask[0]), **sizes}]


def kraken_book(said: list[Any]) -> list[dict[str, Any]]:
    sides: dict[str, list[Any]] = {"asks": [], "bids": []}
    for part in said:
        for key, rows in part.items():
            name = {"a": "asks", "b": "bids"}.get(key[0])
            for price, size, *_ in rows if name else ():
                sides[str(name)].append({"price": float(price), "qty": float(size)})
    return [sides]


def iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")


KRAKEN_FACTS = {"trade": kraken_trades, "ticker": kraken_ticker, "book": kraken_book}


def subscribed(wire: Wire) -> list[str]:
    """The pairs of the recording, as BASE-QUOTE."""
    config = next(lines(wire.name))["config"]
    return sorted({pair for pairs in config.values() for pair in pairs})


def markets(wire: Wire, exchange: Any) -> list[dict[str, Any]]:
    """The least that ccxt has to know of each pair; its prices are its own."""
    return [market(wire, exchange, pair) for pair in subscribed(wire)]


def market(wire: Wire, exchange: Any, pair: str) -> dict[str, Any]:
    base, quote = pair.split("-")[:2]
    symbol = f"{base}/{quote}"
    native = f"{OWN_NAMES.get(base, base)}{wire.joint}{quote}"
    kind = {"type": "spot", "spot": True, "swap": False, "future": False}
    if wire.exchange == "deribit":
        return option(exchange, pair)
    if wire.exchange == "bitfinex":
        native = f"t{base}{':' if len(base) > 3 else ''}{quote}"
    names = {"base": base, "quote": quote, "baseId": base, "quoteId": quote}
    given = {"id": native, "symbol": symbol, **names, **kind, "active": True}
    return exchange.safe_market_structure(given)


def option(exchange: Any, pair: str) -> dict[str, Any]:
    """An option's name: BTC-8000-21U24-put is BTC-24SEP21-8000-P."""
    base, strike, when, side = pair.split("-")
    months = dict(zip("FGHJKMNQUVXZ", MONTHS, strict=True))
    native = f"{base}-{when[3:]}{months[when[2]]}{when[:2]}-{strike}-{side[0].upper()}"
    kind = {"type": "option", "option": True, "spot": False, "contract": True}
    names = {"base": base, "quote": "USD", "settle": base, "active": True}
    given = {"id": native, "symbol": native, **names, **kind}
    return exchange.safe_market_structure(given)


OWN_NAMES = {"BSV": "BCHSV"}  # KuCoin's
MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN")
MONTHS += ("JUL", "AUG", "SEP", "OCT", "NOV", "DEC")


# --- which channel a message belongs to ---------------------------------------------


def of_kraken(message: Any, _known: dict[int, tuple[str, str]]) -> str:
    return f"version 1: {message[-2]}" if isinstance(message, list) else ""


def of_kraken_2(message: Any, _known: dict[int, tuple[str, str]]) -> str:
    return str(message["channel"])


def of_coinbase(message: Any, _known: dict[int, tuple[str, str]]) -> str:
    channel = message["channel"]
    return "" if channel in {"subscriptions", "heartbeats"} else str(channel)


def of_kucoin(message: Any, _known: dict[int, tuple[str, str]]) -> str:
    return str(message.get("subject", ""))


def of_gate(message: Any, _known: dict[int, tuple[str, str]]) -> str:
    return str(message["channel"]) if message["event"] == "update" else ""


def of_bitfinex(message: Any, known: dict[int, tuple[str, str]]) -> str:
    if isinstance(message, dict):
        if "chanId" in message:
            known[message["chanId"]] = (message["channel"], message["symbol"])
        return ""
    return "" if message[1] == "hb" else known[message[0]][0]


def of_deribit(message: Any, _known: dict[int, tuple[str, str]]) -> str:
    return message["params"]["channel"].split(".")[0] if "params" in message else ""


def some(*names: str) -> frozenset[str]:
    return frozenset(names)


#: Version 1, which is what was recorded, ccxt does not speak: it has moved to 2.
KRAKEN = Wire("KRAKEN", "kraken", "wss://ws.kraken.com/v2", of_kraken, some())
KRAKEN_2 = Wire(
    "KRAKEN",
    "kraken",
    "wss://ws.kraken.com/v2",
    of_kraken_2,
    some("trade", "ticker", "book"),
    options={"watchOrderBook": {"checksum": False}},
    worded=in_version_2,
)
COINBASE = Wire(
    "COINBASE",
    "coinbase",
    "wss://advanced-trade-ws.coinbase.com",
    of_coinbase,
    some("market_trades", "ticker", "l2_data"),  # candles: ccxt has no handler
    "-",
)
AT_ONCE = {"watchOrderBook": {"snapshotDelay": 0}}
KUCOIN = Wire(
    "KUCOIN",
    "kucoin",
    "wss://ws-api-spot.kucoin.com/",
    of_kucoin,
    some("trade.ticker", "trade.l2update", "trade.l3match", "trade.candles.update"),
    "-",
    AT_ONCE,
)
GATE = Wire(
    "GATEIO",
    "gate",
    "wss://api.gateio.ws/ws/v4/",
    of_gate,
    some("spot.trades", "spot.tickers", "spot.candlesticks", "spot.order_book_update"),
    "_",
    AT_ONCE,
)
BITFINEX = Wire(
    "BITFINEX",
    "bitfinex",
    "wss://api-pub.bitfinex.com/ws/2",
    of_bitfinex,
    some("ticker", "book", "trades"),
    worded=without_numbers,
)
DERIBIT = Wire(
    "DERIBIT",
    "deribit",
    "wss://www.deribit.com/ws/api/v2",
    of_deribit,
    some("ticker", "book"),
)
