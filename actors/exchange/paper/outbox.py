"""What happened at the paper exchange and is not told yet: it goes on file first."""

from actors.domain.errors import ExchangeError
from actors.domain.orders import ExchangeUpdate, Outcome, Placed, Unknown
from actors.exchange.paper.account import PaperOrder, PaperState
from actors.exchange.paper.store import Changes, PaperStore
from actors.exchange.port import UpdateSink


class Outbox:
    """Holds changes until they are stored, and updates until they may be told.

    What cannot be written stays, to be written and told with what comes next. Nobody
    connected: the updates are kept for the fetches alone.
    """

    def __init__(self, store: PaperStore | None) -> None:
        self.changes = Changes()
        self.sink: UpdateSink | None = None
        self._store = store

    def tell(self, update: ExchangeUpdate) -> None:
        """Take an update, to be told when it is on file."""
        self.changes.updates.append(update)

    def release(self, state: PaperState, now_ms: int) -> None:
        """Store what changed, then tell it. Raises ExchangeError: not stored."""
        changes = self.changes
        if self._store is not None:
            self._store.save(state, now_ms, changes)
        self.changes = Changes()
        if self.sink is not None:
            for update in changes.updates:
                self.sink(update)

    def answer(self, order: PaperOrder, state: PaperState, now_ms: int) -> Outcome:
        """Store what was asked of an order and say that it was taken."""
        try:
            self.release(state, now_ms)
        except ExchangeError as error:  # it lives, as long as this process does
            return Unknown(str(error))
        return Placed(order.exchange_id)
