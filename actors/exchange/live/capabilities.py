"""What each exchange can do for the order protocol, and whether we have seen it.

Live trading is possible where there is an outcome table and a row here. A row without a
caution was traded against our loopback exchange and found to be as the engine needs it;
with one it must be accepted by a person. bybit, okx and kraken are from documentation.
For bybit (linear) and okx (swaps) orders are written by ccxt's unified calls, see
`unified_words`; for kraken they are not written.

Orders of the two Binance venues:

- a market order with a band is LIMIT IOC at the band; without one it is MARKET;
- a limit is GTC, post-only GTX (spot: LIMIT_MAKER). With `expires_ms` it is GTD on
  USD-M, where ten minutes are the least; spot has no such thing: it stays until it is
  cancelled, and this port cancels nothing by itself;
- a stop is, on USD-M, a conditional order with reduceOnly, triggered by the last price
  (CONTRACT_PRICE) and not by the mark: the price that our bars are made of;
- on spot it is STOP_LOSS. There is no reduce-only: a sale cannot sell more than there
  is, and a purchase that is to reduce is refused. A resting stop locks its coins, so
  nothing else can rest beside it: the engine cancels it before it sells at market, and
  takes targets at the close of a bar, by no order at the exchange. A fee that is taken
  from the coin leaves less than was bought: that is what is held, and what a stop is
  for, down to the lot.
"""

import re

import msgspec

from actors.domain.errors import ExchangeError
from actors.exchange.live.plan import Accept, LivePlan
from actors.exchange.outcome import TABLES
from actors.exchange.port import Capabilities, Uniqueness


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One exchange. What only the command line shows is in words."""

    ccxt_id: str
    port: Capabilities
    client_id: str  # a pattern that a whole client id must match
    reduce_only: bool  # stops that can only reduce are possible
    good_till_date: bool  # the exchange itself ends an order at `expires_ms`
    countdown: str  # what a dead man's switch would cancel
    #: Stops survive that switch, and it is written for this exchange.
    switch_spares_stops: bool = False
    caution: str = ""  # why a person must accept it first; "": nothing is known
    #: What stands for a hyphen in a client id there. It is in no id of ours, so that
    #: each id has one that is written for it, and is read back from that.
    hyphen: str = "-"

    def names(self, client_id: str) -> bool:
        """Whether this client id can be written, and read back."""
        written = self.written(client_id)
        fits = re.fullmatch(self.client_id, written) is not None
        return fits and self.read(written) == client_id

    def written(self, client_id: str) -> str:
        """Write our client id as the exchange takes it."""
        return client_id.replace("-", self.hyphen)

    def read(self, written: str) -> str:
        """Read a client id of the exchange's, ours or not: one for each."""
        return written.replace(self.hyphen, "-")


UNTRIED = "it was never traded in our tests"


def _port(
    name: str,
    uniqueness: Uniqueness,
    *,
    overlap: bool = True,
    deadline_ms: int = 5_000,
) -> Capabilities:
    return Capabilities(
        name=name,
        client_ids=uniqueness,
        deadline_ms=deadline_ms,
        answer_ms=10_000,
        stops_overlap=overlap,
    )


ROWS = {
    "binance": Row(
        ccxt_id="binance",
        port=_port("binance", Uniqueness.OPEN, overlap=False),
        client_id=r"[a-zA-Z0-9-_]{1,36}",
        reduce_only=False,
        good_till_date=False,
        countdown="none",
    ),
    "binanceusdm": Row(
        ccxt_id="binanceusdm",
        port=_port("binanceusdm", Uniqueness.OPEN),
        client_id=r"[.A-Z:/a-z0-9_-]{1,36}",
        reduce_only=True,
        good_till_date=True,
        countdown="open orders of one symbol; conditional orders, our stops, survive",
        switch_spares_stops=True,
    ),
    "bybit": Row(
        ccxt_id="bybit",
        port=_port("bybit", Uniqueness.NONE),
        client_id=r"[a-zA-Z0-9-_]{1,36}",
        reduce_only=True,
        good_till_date=False,
        countdown="every order when the private stream is lost, stops too",
        caution=UNTRIED,
    ),
    "okx": Row(
        ccxt_id="okx",
        # ccxt writes no window, neither `recvWindow` nor `expTime`: a request is taken
        # until it is thirty seconds older than its timestamp.
        port=_port("okx", Uniqueness.NONE, deadline_ms=30_000),
        client_id=r"[a-zA-Z0-9]{1,32}",
        hyphen="Z",  # ours are lower case
        reduce_only=True,
        good_till_date=False,
        countdown="open orders; conditional orders survive",
        caution=UNTRIED,
    ),
    "kraken": Row(
        ccxt_id="kraken",
        port=_port("kraken", Uniqueness.OPEN, overlap=False),
        client_id=r"[ -~]{1,18}",  # or a UUID: ours do not fit
        reduce_only=False,
        good_till_date=True,
        countdown="every order, stops too",
        caution=UNTRIED,
    ),
}


def row_for(plan: LivePlan) -> Row:
    """Give the row of the plan's exchange. Raises ExchangeError: not to be traded."""
    row = ROWS.get(plan.exchange)
    if row is None or row.port.name not in TABLES:
        known = ", ".join(name for name, one in ROWS.items() if not one.caution)
        msg = (
            f"{plan.exchange} has no table of outcomes and capabilities, so an order's "
            f"answer would prove nothing: trade live on {known}"
        )
        raise ExchangeError(msg)
    if row.caution and Accept.UNVERIFIED not in plan.accept:
        msg = (
            f"{plan.exchange}: {row.caution}; accept that with "
            f"live.accept_{Accept.UNVERIFIED}, or trade elsewhere"
        )
        raise ExchangeError(msg)
    return row
