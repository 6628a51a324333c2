"""What the risk actor reaches the world through."""

from collections.abc import Callable
from decimal import Decimal

import msgspec

from actors.clockguard import ClockVerdict
from actors.domain.freshness import Judgement
from actors.domain.live import LiveRules
from actors.domain.messages import Scanned, Signal
from actors.domain.truth import Look
from actors.domain.views import Publisher
from actors.exchange.port import ExchangePort
from actors.journal import Journal
from actors.risk.orders.dispatch import Dispatcher, Halt
from actors.runtime.clock import Clock
from config.library import PresetLibrary


class Ports(msgspec.Struct, frozen=True):
    """What the risk actor reaches the world through."""

    engine_id: str
    clock: Clock  # market time
    wall: Clock
    exchange: ExchangePort
    dispatcher: Dispatcher
    halt: Halt
    journal: Journal
    publisher: Publisher
    #: Told when a symbol's position opens (True) or ends (False).
    position_changed: Callable[[str, bool], None]
    #: Has the exchange asked for its truth; the answer comes as a Truth.
    look: Callable[[Look], None]
    #: Has market and symbols brought up, to flatten where nothing runs.
    rouse: Callable[[], None]
    #: A price of now that no signal is made from; None: UNKNOWN.
    reference: Callable[[str], Decimal | None] = lambda _symbol: None
    #: A simulated market's time is the exchange's, and its data is of now.
    clock_verdict: Callable[[], ClockVerdict] = lambda: ClockVerdict.GOOD
    feed: Callable[[str], Judgement | None] = lambda _symbol: None
    #: Why the exchange would be sent no entry now; None: it would.
    shut: Callable[[], str | None] = lambda: None
    presets: PresetLibrary = PresetLibrary()
    live: LiveRules | None = None  # None: no real money
    #: Told of each signal that becomes no trade.
    refused: Callable[[Signal], None] = lambda _signal: None
    #: What the newest scans found.
    scanned: Callable[[], Scanned] = lambda: Scanned(0, ())
