"""Defects that people write: each is put into an engine, and the oracle must see it."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from actors.domain import exposure
from actors.journal import Journal, Kind
from actors.risk.account.outbox import Outbox
from actors.risk.account.state import RiskState
from actors.risk.holding import protection, stops, unprotected
from actors.risk.holding.protection import Protection
from tests.crash.remote import RemoteExchange


def no_stop() -> None:
    """Take a position for protected that is not."""

    async def nothing(self: Any, *given: Any) -> None:
        """Do as if."""

    made: Any = Protection
    made.tend = nothing


def send_at_once() -> None:
    """Send first and let the journal follow."""

    async def careless(self: Any) -> int:
        return 0

    made: Any = Journal
    made.commit = careless


def drop_fills() -> None:
    """Count fills in memory only."""
    append = Journal.append

    def forgetful(self: Any, kind: Kind, body: Any, **names: Any) -> int:
        return 0 if kind is Kind.FILL else append(self, kind, body, **names)

    made: Any = Journal
    made.append = forgetful


def publish_early() -> None:
    """Tell the world before the disk knows."""

    def eager(self: Any, fact: Any) -> None:
        self._publisher.publish(fact)

    made: Any = Outbox
    made.put = eager


def forget_kill() -> None:
    """Keep the kill switch in memory only."""
    append = Journal.append

    def forgetful(self: Any, kind: Kind, body: Any, **names: Any) -> int:
        if type(body).__name__ == "KillChanged":
            return 0
        return append(self, kind, body, **names)

    made: Any = Journal
    made.append = forgetful


def send_again() -> None:
    """Send an order whose answer was lost once more, under another name."""
    place = RemoteExchange.place
    sent: list[Any] = []

    async def twice(self: Any, request: Any) -> Any:
        outcome = await place(self, request)
        if not sent and not request.reduce_only:
            sent.append(request)
            name = request.client_id.replace("bx1", "bx2")
            await place(self, msgspec.structs.replace(request, client_id=name))
        return outcome

    made: Any = RemoteExchange
    made.place = twice


def count_filled_only() -> None:
    """Leave what is in flight out of the limits."""

    def nothing(_entry: Any) -> None:
        """Do as if."""

    made: Any = exposure
    made._in_flight = nothing


def trust_doubtful_stops() -> None:
    """Take a stop for confirmed whose answer was lost."""

    def hopeful(order: Any) -> bool:
        return order.purpose == "stop" and order.live

    for module in (protection, stops, unprotected):
        made: Any = module
        made.confirmed = hopeful
    made = stops.Stops
    made.fits = lambda *_given: True


def never_stand_down() -> None:
    """Protect what the exchange says is not there, again and again."""

    class Deaf(set[str]):
        def add(self, _symbol: str) -> None:
            """Do as if."""

    begin = RiskState.__init__

    def deaf(self: Any, *given: Any) -> None:
        begin(self, *given)
        self.not_held = Deaf()

    made: Any = RiskState
    made.__init__ = deaf


MUTANTS: Mapping[str, Callable[[], None]] = {
    one.__name__: one
    for one in (
        no_stop,
        send_at_once,
        drop_fills,
        publish_early,
        forget_kill,
        send_again,
        count_filled_only,
        trust_doubtful_stops,
        never_stand_down,
    )
}
