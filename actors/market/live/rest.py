"""Asks an exchange's public REST, through its gate and within a deadline; GET only.

The port that streams and history fetch through. An answer that is no 200 is an error,
never an empty answer, and so is a 200 whose body is one. The gate is shared with
whatever else asks the exchange from this address: it knows the budget, and stops
everyone for as long as the exchange says.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Protocol

import httpx
import trio

from actors.domain.errors import ExchangeError
from actors.market.live.dialect import Ask, Dialect, read_as

DEADLINE_SECONDS = 10.0
IN_FLIGHT_MAX = 8


class Ticket(Protocol):
    """The right to send one request, in whose block it is sent."""

    def told(self, status: int, headers: Mapping[str, str]) -> None:
        """Take what the exchange answered."""


class Gate(Protocol):
    """What stands before the exchange (`actors.exchange.gate`)."""

    def request(self, cost: float) -> AbstractAsyncContextManager[Ticket]:
        """Wait until a request may be sent; ExchangeError: it may not."""


class PublicRest:
    """One exchange's public REST."""

    def __init__(
        self, dialect: Dialect, url: str, client: httpx.AsyncClient, gate: Gate
    ) -> None:
        self.requests = 0
        self._name = dialect.name
        self._check = dialect.rest.check
        self._url = url or dialect.rest_url
        self._client = client
        self._gate = gate
        self._slots = trio.CapacityLimiter(IN_FLIGHT_MAX)

    async def __call__(self, ask: Ask) -> bytes:
        """Fetch one answer; ExchangeError: there is none."""
        async with self._slots, self._gate.request(ask.weight) as ticket:
            self.requests += 1
            try:
                with trio.fail_after(DEADLINE_SECONDS):
                    answer = await self._client.get(
                        self._url + ask.path, params=ask.query
                    )
                ticket.told(answer.status_code, answer.headers)
                answer.raise_for_status()
                read_as(self._check, answer.content)  # while the gate listens
            except httpx.HTTPStatusError as error:
                text = answer.content[:200].decode(errors="replace")
                msg = f"{self._name} {ask.path} answered {answer.status_code}: {text}"
                raise ExchangeError(msg) from error
            except (httpx.HTTPError, OSError, trio.TooSlowError) as error:
                what = f"{type(error).__name__} {error}".rstrip()
                msg = f"{self._name} {ask.path}: {what}"
                raise ExchangeError(msg) from error
        return answer.content


@asynccontextmanager
async def public_rest(
    dialect: Dialect, gate: Gate, url: str = ""
) -> AsyncIterator[PublicRest]:
    """Open the port for the length of a block; `url` empty: the exchange's own."""
    limits = httpx.Limits(max_connections=IN_FLIGHT_MAX)
    async with httpx.AsyncClient(timeout=None, limits=limits) as client:  # noqa: S113 - the deadline is trio's
        yield PublicRest(dialect, url, client, gate)
