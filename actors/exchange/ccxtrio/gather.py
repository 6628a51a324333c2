"""Stands in for asyncio in ccxt's modules: `gather` on trio, and nothing else.

`gather` is the one name of asyncio that ccxt's exchange classes use; its base class
also hands a `client.close()` to `ensure_future`. Both are looked up in the globals of
the module that uses them, so they are bound there, module by module.

As asyncio does, children start in the order of the call: nonces are drawn at the start,
and which error wins depends on it (trio alone would shuffle them). Unlike asyncio, the
others are cancelled when one fails: no request outlives the call that wanted it.
"""

import sys
from collections.abc import Awaitable
from inspect import iscoroutine
from typing import Any

import trio

from actors.exchange.ccxtrio.promise import Promise


class Asyncio:
    """What a module of ccxt finds under the name `asyncio`."""

    @staticmethod
    async def gather(
        *awaitables: Awaitable[Any], return_exceptions: bool = False
    ) -> list[Any]:
        """Run all at the same time; give their results in the order of the call."""
        results: list[Any] = [None] * len(awaitables)
        failures: list[Exception] = []
        started = 0

        async def run(place: int, awaitable: Awaitable[Any]) -> None:
            try:
                results[place] = await awaitable
            except Exception as error:  # noqa: BLE001 - handed to the caller, below
                results[place] = error
                if not return_exceptions:
                    failures.append(error)
                    nursery.cancel_scope.cancel()

        try:
            async with trio.open_nursery() as nursery:
                for place, awaitable in enumerate(awaitables):
                    nursery.start_soon(run, place, awaitable)
                    started += 1
                    # One turn of the scheduler each keeps the order of the starts.
                    await trio.lowlevel.checkpoint()
        finally:
            for awaitable in awaitables[started:]:
                if iscoroutine(awaitable):
                    awaitable.close()  # or Python warns that nobody awaited it
        if failures:
            raise failures[0]
        return results

    @staticmethod
    def ensure_future(closing: Promise) -> Promise:
        """Take what has begun already: our `client.close()` needs nobody to run it."""
        if not isinstance(closing, Promise):
            msg = f"ccxt gave {closing!r} to ensure_future; only a close is known there"
            raise TypeError(msg)
        return closing


ASYNCIO = Asyncio()


def bind(exchange_class: type) -> None:
    """Put ours in place of asyncio in every module of ccxt that a class comes from."""
    for ancestor in exchange_class.__mro__:
        module = sys.modules.get(ancestor.__module__)
        if ancestor.__module__.startswith("ccxt.") and hasattr(module, "asyncio"):
            module.asyncio = ASYNCIO  # type: ignore[union-attr]
