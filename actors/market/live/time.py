"""An exchange's clock, asked for by REST."""

from actors.market.live.dialect import Dialect, read_as
from actors.market.live.repair import Fetch


class ExchangeTime:
    """The time source that a clock guard measures."""

    def __init__(self, dialect: Dialect, fetch: Fetch) -> None:
        self._rest = dialect.rest
        self._fetch = fetch

    async def fetch_time(self) -> int:
        """The exchange's own clock, ms since 1970 UTC; ExchangeError: unknown."""
        body = await self._fetch(self._rest.ask_time())
        return read_as(self._rest.read_time, body)
