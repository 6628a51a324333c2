"""The paper exchange with a conscience and with faults, for the world of `sim`.

It checks at every order that the intent is on the disk before, and does what a test
asks it to: refuse, lose an answer, tell twice, fail to answer.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from actors.domain.errors import ExchangeError
from actors.domain.orders import (
    ExchangePosition,
    ExchangeUpdate,
    OrderRequest,
    Outcome,
)
from actors.exchange.paper.exchange import PaperExchange
from actors.exchange.port import UpdateSink
from actors.journal import Journal, Kind


class Venue(PaperExchange):
    """A PaperExchange that a test can watch and disturb."""

    journal: Journal

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.placed: list[OrderRequest] = []
        self.unjournalled: list[str] = []
        self.repeats = 1  # how often every update is told
        self.fetch_faults = 0  # how many fetches still fail
        #: Answers instead of the exchange, before it or after it.
        self.instead: Callable[[OrderRequest], Outcome | None] = lambda _request: None
        self.answer: Callable[[Outcome], Outcome] = lambda outcome: outcome
        self.heard: list[ExchangeUpdate] = []

    def connect(self, sink: UpdateSink) -> None:
        def told(update: ExchangeUpdate) -> None:
            self.heard.append(update)
            for _ in range(self.repeats):
                sink(update)

        super().connect(told)

    async def place(self, request: OrderRequest) -> Outcome:
        rows = await self.journal.rows(Kind.INTENT, newest_first=True, limit=64)
        bodies = (msgspec.json.decode(row.body) for row in rows)
        known = {body["request"]["client_id"] for body in bodies}
        if request.client_id not in known:
            self.unjournalled.append(request.client_id)
        self.placed.append(request)
        answered = self.instead(request)
        if answered is not None:
            return answered
        return self.answer(await super().place(request))

    async def fetch_positions(self) -> tuple[ExchangePosition, ...]:
        if self.fetch_faults > 0:
            self.fetch_faults -= 1
            msg = "the positions cannot be had; ask again"
            raise ExchangeError(msg)
        return await super().fetch_positions()

    def say(self, update: ExchangeUpdate) -> None:
        """Tell an update that the matching did not make."""
        self._outbox.tell(update)
        self._outbox.release(self.state, self.now_ms)

    def placed_as(self, *kinds: str) -> list[OrderRequest]:
        return [request for request in self.placed if request.kind in kinds]
