"""The exchange itself: the market that moves, the account that trades in it.

Everything here happens at one moment after the other and never waits; the servers
around it ask it, and take from it what there is to tell.
"""

from collections.abc import Callable
from typing import Any

from actors.domain.bars import Instrument
from actors.loopback.accounts.desk import Desk
from actors.loopback.accounts.futures import FuturesLedger
from actors.loopback.accounts.order import Conditional, Fill, Order, Wish
from actors.loopback.accounts.spot import SpotLedger
from actors.loopback.accounts.stops import Stops
from actors.loopback.clock import MarketTime, Pace
from actors.loopback.faults.menu import Menu
from actors.loopback.floor.build import Event, Play, make_pits, open_play
from actors.loopback.floor.grid import BUY, SELL
from actors.loopback.floor.pit import Pit, Venue
from actors.loopback.floor.recorded import Deal, Shown
from actors.loopback.floor.script import Beat, Minute
from actors.loopback.limits import Limiter
from actors.loopback.settings import SimSettings
from actors.runtime.clock import Clock


class Exchange:
    """Both venues under one roof, with one account on each."""

    def __init__(self, settings: SimSettings, wall: Clock) -> None:
        """Open the market; `wall` is the machine's time. Raises MarketDataError."""
        self.settings = settings
        self.menu = Menu(settings.seed)
        for name, fault in settings.faults.items():
            self.menu.switch(name, fault)
        pace, speed = pace_of(settings.speed)
        self.play: Play = open_play(settings, speed if pace is Pace.STEADY else None)
        begins = self.play.start_ms
        now_ms = wall.now_ms() if settings.start == "now" else begins
        #: What is added to the market's own times.
        self.shift_ms = (now_ms - now_ms % 60_000) - (begins - begins % 60_000)
        self.begun_ms = now_ms
        self.by_index = make_pits(self.play, settings)
        self.pits: dict[tuple[Venue, str], Pit] = {}
        for pit in (pit for made in self.by_index for pit in made):
            self.pits[pit.venue, pit.id] = pit
            pit.tape.move(self.shift_ms)
            pit.tape.begin(now_ms - now_ms % 60_000)
        self.over = False
        self.dirty: dict[Pit, None] = {}  # in the order in which they changed
        self._moment: int | None = None  # during an event of the market
        self._events = self.play.events()
        self._next: Event | None = next(self._events, None)
        self._open_accounts(settings)
        self.limiters = {venue: Limiter(venue, settings.limits) for venue in Venue}
        self.minutely: list[Callable[[int], None]] = []
        self.live_until(now_ms)  # the part of its first minute that is over
        if pace is Pace.STEADY and settings.start == "now":
            now_ms = wall.now_ms()
        self.clock = MarketTime(pace, speed, now_ms)

    def _open_accounts(self, settings: SimSettings) -> None:
        #: Told of every change of an order; the user streams put themselves here.
        self.tell_order: Callable[[Order, str, Fill | None], None] = _nobody
        self.tell_conditional: Callable[[Conditional], None] = _nobody
        self.tell_account: Callable[[Venue, str], None] = _nobody
        self.spot = SpotLedger({"USDT": settings.spot_money})
        self.futures = FuturesLedger(settings.wallet)
        told = self._order_changed
        self.desks = {
            Venue.SPOT: Desk(Venue.SPOT, self.spot, self.now_ms, told),
            Venue.USDM: Desk(Venue.USDM, self.futures, self.now_ms, told),
        }
        self.stops = Stops(
            self.desks[Venue.USDM], self.now_ms, self._conditional_changed
        )
        self.stops.stuck = lambda one: bool(self.menu.hit("stop_stuck", one.pit.id))

    def now_ms(self) -> int:
        """Tell the market's time; during an event of the market its own."""
        return self._moment if self._moment is not None else self.clock.now_ms()

    def pit(self, venue: Venue, symbol: str) -> Pit | None:
        """Find a symbol."""
        return self.pits.get((venue, symbol))

    def listed(self, venue: Venue) -> list[Pit]:
        """List a venue's symbols."""
        return [pit for (where, _), pit in self.pits.items() if where is venue]

    def instrument(self, symbol: str) -> Instrument | None:
        """Find an instrument by its unified name."""
        return next((i for i in self.play.instruments if i.symbol == symbol), None)

    # --- the market -------------------------------------------------------------

    @property
    def next_ms(self) -> int | None:
        """When the market's next event is; None: it is over."""
        return None if self._next is None else self._next.time_ms + self.shift_ms

    def live_until(self, until_ms: int, most: int = 1_000_000) -> int | None:
        """Live the market up to a moment; tell where it stopped after `most` events.

        None: it has come all the way.
        """
        while self._next is not None and self._next.time_ms + self.shift_ms <= until_ms:
            if not most:
                return self._moment_of(self._next)
            most -= 1
            event, self._next = self._next, next(self._events, None)
            self._moment = self._moment_of(event)
            self._happen(event)
            self._moment = None
        self.over = self._next is None
        return None

    def _moment_of(self, event: Event) -> int:
        return max(event.time_ms + self.shift_ms, self.begun_ms)

    def _happen(self, event: Event) -> None:
        if isinstance(event, Minute):
            self._minute(event.time_ms + self.shift_ms)
            return
        for pit in self.by_index[event.index]:
            filled = self.desks[pit.venue].filled
            if isinstance(event, Beat):
                moment = event.time_ms + self.shift_ms
                pit.beat(event, moment, filled)
            else:
                self._recorded(pit, event)
            self.settle(pit)

    def _recorded(self, pit: Pit, event: Shown | Deal) -> None:
        filled, moment = self.desks[pit.venue].filled, event.time_ms + self.shift_ms
        if isinstance(event, Deal):
            side = SELL if event.sold else BUY
            pit.deal(moment, side, (event.price, event.size), filled)
        else:
            pit.show(moment, event, filled)

    def _minute(self, now_ms: int) -> None:
        for pit in self.pits.values():
            ended = pit.tape.close_at(now_ms)
            if ended:
                pit.ended += ended
                self.dirty[pit] = None
        for act in self.minutely:
            act(now_ms)

    def settle(self, pit: Pit) -> None:
        """After trades in a pit: stops are looked at, accounts are told."""
        self.dirty[pit] = None
        for _ in range(100):  # a stop's own trades may reach the next stop
            if pit.venue is Venue.USDM:
                self.stops.look(pit)
            else:
                self.desks[Venue.SPOT].triggered(pit)
            last = pit.tape.last
            if pit.span is None or pit.span == (last, last):
                break
            pit.span = (last, last)
        pit.span = None
        self.tell_changes()

    def tell_changes(self) -> None:
        """Tell what changed in the accounts since the last time."""
        if self.futures.changed:
            for symbol, side in sorted(self.futures.changed):
                position = self.futures.positions[symbol, side]
                if not position.lots:
                    self.stops.flat(position.pit, side)
            self.tell_account(Venue.USDM, "ORDER")
            self.futures.changed.clear()
        if self.spot.changed:
            self.tell_account(Venue.SPOT, "ORDER")
            self.spot.changed.clear()

    def _conditional_changed(self, one: Conditional) -> None:
        self.tell_conditional(one)

    def _order_changed(self, order: Order, what: str, fill: Fill | None) -> None:
        self.tell_order(order, what, fill)

    # --- whoever trades ---------------------------------------------------------

    def place(self, wish: Wish) -> Order:
        """Take an order now. Raises Refused."""
        order = self.desks[wish.pit.venue].place(wish)
        self.settle(wish.pit)
        return order

    def place_conditional(self, wish: Wish) -> Conditional:
        """Take a futures conditional order now. Raises Refused."""
        return self.stops.place(wish)

    def cancel(self, order: Order) -> None:
        """Cancel an order now. Raises Refused."""
        self.desks[order.pit.venue].cancel(order)
        self.settle(order.pit)


def pace_of(speed: str) -> tuple[Pace, float]:
    """Read a speed: a number above 0, `max`, or `hand`. Raises ValueError."""
    if speed in {Pace.MAX, Pace.HAND}:
        return Pace(speed), 1.0
    factor = float(speed)
    if not 0.0 < factor <= 100_000.0:
        msg = f"speed {speed}: a number above 0 and at most 100000, max, or hand"
        raise ValueError(msg)
    return Pace.STEADY, factor


def _nobody(*_told: Any) -> None:
    """Nobody listens yet."""
