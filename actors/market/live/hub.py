"""What all connections to one exchange share: its symbols, its clock, its dial rate."""

from collections import Counter
from collections.abc import Callable
from random import Random

import structlog
import trio

from actors.domain.freshness import Now
from actors.market.live.barred import barred_seconds
from actors.market.live.dialect import Dialect
from actors.market.live.pace import Pace
from actors.market.live.symbol import SymbolStream
from actors.sockets import SocketError
from config.settings import FeedGroup

log = structlog.get_logger(component="streams")

#: A kind of trouble is logged so often, and then only counted.
TOLD_MAX = 20


class Hub:
    """Shared by the connections of one exchange; no connection owns it."""

    def __init__(
        self,
        dialect: Dialect,
        stream_url: str,
        clock: Callable[[], int],
        budgets: FeedGroup,
        random: Random,
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
        self._generation = 0

    def now(self) -> Now:
        """The present, by the monotonic clock and by the exchange's."""
        return Now(int(trio.current_time() * 1e3), self._clock())

    def next_generation(self) -> int:
        """Number the connections in the order in which they are dialled."""
        self._generation += 1
        return self._generation

    def failed(self, error: SocketError) -> None:
        """Note why a connection is over: an exchange that bars us is left in peace."""
        seconds = barred_seconds(error, self._clock())
        if seconds:
            self.dials.rest(seconds)
            self.tell("dials_barred", why=str(error), seconds=seconds)

    def tell(self, event: str, **facts: object) -> None:
        """Count an event, and log it as long as it is news."""
        self.counts[event] += 1
        if self.counts[event] <= TOLD_MAX:
            log.warning(event, exchange=self.dialect.name, **facts)
