"""Loads an exchange's markets once for all who ask at the same time.

In stock ccxt everybody waits for one shared task, and a waiter that is cancelled throws
its cancellation into all others. Here the first caller loads and the others wait for
it; when the first is cancelled, one of the others takes over.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import trio


class Loading:
    """One load that is under way."""

    def __init__(self, *, anew: bool) -> None:
        self.anew = anew
        self.over = trio.Event()
        self.markets: Any = None
        self.error: Exception | None = None
        self.abandoned = False


class SharedLoad:
    """Lets one caller load while the others wait for what it gets."""

    def __init__(self) -> None:
        self._loading: Loading | None = None

    @property
    def under_way(self) -> bool:
        """Whether somebody loads."""
        return self._loading is not None

    async def get(self, load: Callable[[], Awaitable[Any]], *, anew: bool) -> Any:
        """Wait for the load that is under way, or do it; a reload waits for none older.

        Raises what the load raised, to everybody who waited for it.
        """
        while True:
            loading = self._loading
            if loading is None or (anew and not loading.anew):
                return await self._lead(load, anew=anew)
            await loading.over.wait()
            if loading.abandoned:
                continue
            if loading.error is not None:
                raise loading.error
            return loading.markets

    async def _lead(self, load: Callable[[], Awaitable[Any]], *, anew: bool) -> Any:
        loading = self._loading = Loading(anew=anew)
        loading.abandoned = True  # until there is a result or an error
        try:
            loading.markets = await load()
            loading.abandoned = False
        except Exception as error:
            loading.error = error
            loading.abandoned = False
            raise
        finally:
            if self._loading is loading:
                self._loading = None
            loading.over.set()
        return loading.markets
