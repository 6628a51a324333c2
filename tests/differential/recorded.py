"""Frames that were recorded on the wire, for the exchanges that recordings exist of."""

import base64
import json
from collections.abc import Iterator
from functools import cache
from typing import Any

import polars as pl

from tests.differential.loopback import BINARY, TEXT
from tests.recorded import ROOT

#: ccxt's id -> the recording.
SESSIONS = {
    "binance": "BINANCE",
    "binanceusdm": "BINANCE_FUTURES",
    "binancecoinm": "BINANCE_DELIVERY",
    "bitfinex": "BITFINEX",
    "bithumb": "BITHUMB",
    "bitstamp": "BITSTAMP",
    "bybit": "BYBIT",
    "coinbase": "COINBASE",
    "cryptocom": "CRYPTO.COM",
    "deribit": "DERIBIT",
    "gate": "GATEIO",
    "htx": "HUOBI",
    "independentreserve": "INDEPENDENT_RESERVE",
    "kraken": "KRAKEN",
    "kucoin": "KUCOIN",
    "okx": "OKX",
}
FRAMES = 60
NO_QUOTES = "\x01"  # a separator that no line has


@cache
def recorded_frames(exchange_id: str) -> list[tuple[int, bytes]]:
    """Give frames of the exchange, evenly chosen; none where there is no recording."""
    path = ROOT / "wire" / "cryptofeed" / f"{SESSIONS.get(exchange_id)}.jsonl.zst"
    if not path.exists():
        return []
    lines = pl.read_csv(path, separator=NO_QUOTES, has_header=False, quote_char=None)
    frames = list(_frames(json.loads(line) for line in lines.to_series()))
    return frames[:: max(1, len(frames) // FRAMES)]


def _frames(lines: Iterator[dict[str, Any]]) -> Iterator[tuple[int, bytes]]:
    for line in lines:
        if line["t"] == "recv" and "b64" in line:
            yield BINARY, base64.b64decode(line["b64"])
        elif line["t"] == "recv":
            yield TEXT, line["data"].encode()
