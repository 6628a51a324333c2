"""An exchange that somebody else speaks to, as a dialect whose REST is plain JSON.

The market's rooms know nothing of how such an exchange is asked: an `Ask` names what is
wanted, and who fetches answers with our own shapes as JSON. So history, late closes,
listing and clock are those of every other market.
"""

from collections.abc import Sequence
from typing import Any, cast

import msgspec

from actors.market.live.dialect import Ask, Dialect, Limits, Listed
from actors.market.live.sequence import SequenceRule, Verdict
from actors.market.live.wire import Candle, DepthUpdate, Trade
from actors.sockets import Terms

LISTED, CANDLES, TIME = "listed", "candles", "time"

_listed = msgspec.json.Decoder(list[Listed]).decode
_candles = msgspec.json.Decoder(list[Candle]).decode
_time = msgspec.json.Decoder(int).decode


class ForeignRest:
    """Asks by name; an answer is JSON of our own shapes."""

    def __init__(self, candles_per_ask: int) -> None:
        self.candles_per_ask = candles_per_ask

    def check(self, _body: bytes) -> None:
        """Nothing to be seen: who fetches raises errors."""

    def ask_depth(self, _native: str) -> Ask | None:
        """No books are kept."""
        return None

    def read_depth(self, _body: bytes) -> DepthUpdate:
        """Nothing was asked."""
        return DepthUpdate(None, None, None, (), (), 0)

    def ask_trades(self, _native: str, _first_id: int) -> Ask | None:
        """Ids are the exchange's own: what is missing is not seen in them."""
        return None

    def read_trades(self, _body: bytes) -> Sequence[Trade]:
        """Nothing was asked."""
        return ()

    def ask_candles(self, native: str, start_ms: int, end_ms: int, _now_ms: int) -> Ask:
        """Candles that open in [start_ms, end_ms]."""
        span = {"start": str(start_ms), "stop": str(end_ms + 1)}
        return Ask(CANDLES, {"symbol": native, **span}, 1)

    def read_candles(self, body: bytes) -> Sequence[Candle]:
        """Read candles."""
        return _candles(body)

    def ask_listed(self) -> tuple[Ask, ...]:
        """All symbols."""
        return (Ask(LISTED, {}, 1),)

    def read_listed(self, body: bytes) -> Sequence[Listed]:
        """Read symbols."""
        return _listed(body)

    def ask_time(self) -> Ask:
        """The clock."""
        return Ask(TIME, {}, 1)

    def read_time(self, body: bytes) -> int:
        """Read the clock."""
        return _time(body)


class Foreign:
    """What the rooms of a market read off a dialect that nobody speaks here."""

    #: Who fetches keeps to the exchange's limits; these are never used up.
    limits = Limits(
        topics_per_connection=1,
        topics_per_request=1,
        request_bytes_max=1,
        requests_per_second=1.0,
        dials_per_second=1.0,
    )
    rule = SequenceRule(lambda *_: Verdict.DROP, by_rest=False, shared=False)
    stream_url = rest_url = ""
    terms = Terms()  # of connections that ccxt makes in its own way

    def __init__(self, name: str, candles_per_ask: int) -> None:
        self.name = name
        self.rest = ForeignRest(candles_per_ask)


def foreign(name: str, candles_per_ask: int) -> Dialect:
    """Make the dialect; its streams are told (`told.py`), never spoken."""
    return cast("Dialect", Foreign(name, candles_per_ask))


def answer(content: Any) -> bytes:
    """Write an answer that `ForeignRest` reads."""
    return msgspec.json.encode(content)
