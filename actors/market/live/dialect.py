"""What differs between exchanges, as one table's columns: each exchange is one file.

A fifth exchange is a class with the members of `Dialect` in a file of its own (its
REST in a second one, where that is long) and one line in `exchanges.py`.
"""

from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal
from typing import Protocol, TypeVar

import msgspec

from actors.domain.bars import Instrument
from actors.domain.errors import ExchangeError
from actors.market.live.sequence import SequenceRule
from actors.market.live.wire import Answer, Candle, Channel, Decode, DepthUpdate, Trade
from actors.sockets import Terms

T = TypeVar("T")

#: What reading an answer raises that is no such answer.
UNREADABLE = (msgspec.MsgspecError, ValueError, TypeError, LookupError)
MINUTE_MS = 60_000


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What an exchange allows one address; each file names its source."""

    topics_per_connection: int
    topics_per_request: int
    request_bytes_max: int
    requests_per_second: float  # that we send on one connection
    requests_per_hour: int | None = None  # on one connection
    dials_per_second: float
    lifetime_seconds: float = 23 * 3600.0  # then another connection takes over


class Ask(msgspec.Struct, frozen=True):
    """A public REST request: GET only."""

    path: str
    query: dict[str, str]
    weight: int


class Listed(msgspec.Struct, frozen=True):
    """A symbol that the exchange trades."""

    native: str  # the exchange's own name
    instrument: Instrument
    #: What one unit of size is worth in base currency: 1, or a contract's size.
    contract_size: Decimal = Decimal(1)


def minutes_in(start_ms: int, end_ms: int) -> int:
    """Count the one-minute candles that open in [start_ms, end_ms]."""
    return (end_ms - start_ms) // MINUTE_MS + 1


class Rest(Protocol):
    """What an exchange is asked by REST, and how its answers read."""

    candles_per_ask: int

    def check(self, body: bytes) -> None:
        """Raise ExchangeError for an error that came with HTTP 200."""

    def ask_depth(self, native: str) -> Ask | None:
        """Ask for a whole book; None: subscribing anew brings one."""

    def read_depth(self, body: bytes) -> DepthUpdate:
        """Read a whole book."""

    def ask_trades(self, native: str, first_id: int) -> Ask | None:
        """Ask for trades from an id on; None: the exchange cannot be asked so."""

    def read_trades(self, body: bytes) -> Sequence[Trade]:
        """Read trades, oldest first."""

    def ask_candles(self, native: str, start_ms: int, end_ms: int, now_ms: int) -> Ask:
        """Ask for the one-minute candles that open in [start_ms, end_ms].

        By what road may hang on how old they are: `now_ms` is the hour.
        """

    def read_candles(self, body: bytes) -> Sequence[Candle]:
        """Read candles, oldest first; the newest may not be closed."""

    def ask_listed(self) -> tuple[Ask, ...]:
        """Ask for all symbols."""

    def read_listed(self, body: bytes) -> Sequence[Listed]:
        """Read the symbols that are traded now."""

    def ask_time(self) -> Ask:
        """Ask for the exchange's clock."""

    def read_time(self, body: bytes) -> int:
        """Read the exchange's clock, ms since 1970 UTC."""


def read_as(read: Callable[[bytes], T], body: bytes) -> T:
    """Read an answer; ExchangeError: it is none of that kind, whatever its status."""
    try:
        return read(body)
    except UNREADABLE as error:
        what = f"{type(error).__name__}: {error}"[:100]
        start = body[:80].decode(errors="replace")
        msg = f"an answer cannot be read ({what}): {start}"
        raise ExchangeError(msg) from error


class Question(Protocol):
    """A request and how its answer is read, as one: both may have to be done again."""

    async def __call__(self, ask: Ask, read: Callable[[bytes], T]) -> T:
        """Ask and read; ExchangeError: there is no answer."""


def questions(fetch: Callable[[Ask], Awaitable[bytes]]) -> Question:
    """Ask once."""

    async def asked(ask: Ask, read: Callable[[bytes], T]) -> T:
        return read_as(read, await fetch(ask))

    return asked


class Dialect(Protocol):
    """How one exchange speaks."""

    name: str
    stream_url: str
    rest_url: str
    limits: Limits
    terms: Terms
    rule: SequenceRule

    @property
    def rest(self) -> Rest:
        """Its REST."""

    # --- streams --------------------------------------------------------------------

    def endpoint(self, channel: Channel) -> str:
        """The path behind the stream's url that carries this channel."""

    def topic(self, channel: Channel, native: str) -> str:
        """What to subscribe to."""

    def subscribe(self, topics: Sequence[str], number: int) -> bytes:
        """Write the request that subscribes to `topics`."""

    def unsubscribe(self, topics: Sequence[str], number: int) -> bytes:
        """Write the request that ends the subscriptions."""

    def head(self, payload: bytes) -> bytes:
        """Cut out, without parsing, bytes that are the same for one topic only."""

    def named(self, payload: bytes) -> str | None:
        """Read which topic a message belongs to; None: it is a control message."""

    def answer(self, payload: bytes) -> Answer:
        """Read a control message."""

    def decode(self, channel: Channel) -> Decode:
        """Give the decoder of a channel's messages."""
