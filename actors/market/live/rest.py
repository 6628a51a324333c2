"""Asks an exchange's public REST, within its weight and a deadline; GET only.

The port that streams and history fetch through. An answer that is no 200 is an error,
never an empty answer, and a refusal for too many requests stops everyone who shares
the budget for as long as the exchange says.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import trio

from actors.domain.errors import ExchangeError
from actors.market.live.dialect import Ask, Dialect
from actors.market.live.pace import Pace

DEADLINE_SECONDS = 10.0
IN_FLIGHT_MAX = 8
#: So much of the budget may be used at once, in seconds of its rate.
BURST_SECONDS = 20.0
TOO_MANY = frozenset({418, 429, 403})
BAN_SECONDS = 30.0


class PublicRest:
    """One exchange's public REST."""

    def __init__(self, dialect: Dialect, url: str, client: httpx.AsyncClient) -> None:
        rate = dialect.limits.rest_weight_per_second
        self.requests = 0
        self.refusals = 0
        self._name = dialect.name
        self._url = url or dialect.rest_url
        self._client = client
        self._pace = Pace(rate, burst=rate * BURST_SECONDS)
        self._slots = trio.CapacityLimiter(IN_FLIGHT_MAX)

    async def __call__(self, ask: Ask) -> bytes:
        """Fetch one answer; ExchangeError: there is none."""
        async with self._slots:
            await self._pace.wait(ask.weight)
            self.requests += 1
            try:
                with trio.fail_after(DEADLINE_SECONDS):
                    answer = await self._client.get(
                        self._url + ask.path, params=ask.query
                    )
            except (httpx.HTTPError, OSError, trio.TooSlowError) as error:
                what = f"{type(error).__name__} {error}".rstrip()
                msg = f"{self._name} {ask.path}: {what}"
                raise ExchangeError(msg) from error
        if answer.status_code != httpx.codes.OK:
            self._refused(answer)
            text = answer.content[:200].decode(errors="replace")
            msg = f"{self._name} {ask.path} answered {answer.status_code}: {text}"
            raise ExchangeError(msg)
        return answer.content

    def _refused(self, answer: httpx.Response) -> None:
        if answer.status_code in TOO_MANY:
            self.refusals += 1
            told = answer.headers.get("retry-after", "")
            self._pace.rest(float(told) if told.isdigit() else BAN_SECONDS)


@asynccontextmanager
async def public_rest(dialect: Dialect, url: str = "") -> AsyncIterator[PublicRest]:
    """Open the port for the length of a block; `url` empty: the exchange's own."""
    limits = httpx.Limits(max_connections=IN_FLIGHT_MAX)
    async with httpx.AsyncClient(timeout=None, limits=limits) as client:  # noqa: S113 - the deadline is trio's
        yield PublicRest(dialect, url, client)
