"""What all connections to one exchange share: its symbols, its clock, its dial rate."""

from collections import Counter
from collections.abc import Callable, Mapping
from random import Random
from typing import Protocol

import structlog
import trio

from actors.domain.errors import Unsent
from actors.domain.freshness import Now
from actors.market.live.dialect import Dialect
from actors.market.live.pace import Pace
from actors.market.live.symbol import SymbolStream
from actors.sockets import HandshakeFailed, SocketError
from config.settings import FeedGroup

log = structlog.get_logger(component="streams")

#: A kind of trouble is logged so often, and then only counted.
TOLD_MAX = 20
#: The hour may be set while a ban is waited for: it is looked at again.
LOOK_SECONDS = 60.0
#: Forbidden, too many: of the streams alone, for so long where it is not said.
RESTS, REST_SECONDS, REST_SECONDS_MAX = frozenset({403, 429}), 60.0, 86_400.0


class Door(Protocol):
    """What bars an address that an exchange has banned (`actors.exchange.gate`)."""

    def dial(self) -> int:
        """Tell the hour at which a connection is dialled. Raises Unsent: not now."""

    def turned_away(self, status: int, headers: Mapping[str, str], at_ms: int) -> None:
        """Take how a dial was answered that led to no connection: it may be a ban."""


class Hub:
    """Shared by the connections of one exchange; no connection owns it."""

    def __init__(
        self,
        dialect: Dialect,
        stream_url: str,
        clock: Callable[[], int],
        budgets: FeedGroup,
        random: Random,
        door: Door | None = None,  # None: nobody dials from here, or nobody is barred
    ) -> None:
        self.dialect = dialect
        self.terms = dialect.terms  # of each connection
        self.stream_url = stream_url
        self.budgets = budgets
        self.random = random
        self.symbols: dict[str, SymbolStream] = {}
        self.counts: Counter[str] = Counter()
        self.dials = Pace(dialect.limits.dials_per_second, burst=5.0)
        self.first_data = trio.Event()
        self.is_polled = False  # nothing is streamed: what REST gives is all
        self._clock = clock
        self._door = door
        self._generation = 0

    def now(self) -> Now:
        """The present, by the monotonic clock and by the exchange's."""
        return Now(int(trio.current_time() * 1e3), self._clock())

    def next_generation(self) -> int:
        """Number the connections in the order in which they are dialled."""
        self._generation += 1
        return self._generation

    async def turn(self) -> int:
        """Wait until a connection may be dialled; give the hour of the dial."""
        while True:
            await self.dials.wait()
            try:
                return self._clock() if self._door is None else self._door.dial()
            except Unsent as refusal:
                self.tell("dials_barred", why=str(refusal))
                self.dials.rest(min(refusal.left_ms / 1e3, LOOK_SECONDS))

    def failed(self, error: SocketError, dialled_ms: int) -> None:
        """Note why a connection is over: an exchange that bars us is left in peace."""
        if not isinstance(error, HandshakeFailed) or error.status is None:
            return
        if error.status in RESTS:  # the gate holds back no question for it
            told = error.headers.get("retry-after", "")
            seconds = float(told) if told.isdecimal() else REST_SECONDS
            self.tell("dials_barred", why=str(error), seconds=seconds)
            self.dials.rest(min(seconds, REST_SECONDS_MAX))
        elif self._door is not None:
            self._door.turned_away(error.status, error.headers, dialled_ms)

    def tell(self, event: str, **facts: object) -> None:
        """Count an event, and log it as long as it is news."""
        self.counts[event] += 1
        if self.counts[event] <= TOLD_MAX:
            log.warning(event, exchange=self.dialect.name, **facts)
