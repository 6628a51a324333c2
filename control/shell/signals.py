"""How a running engine is stopped from outside: the first signal ends it in order."""

import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio
from rich.console import Console

say = Console(stderr=True, highlight=False, soft_wrap=True)


@asynccontextmanager
async def interruptible() -> AsyncIterator[trio.CancelScope]:
    """Give the scope that the first SIGINT or SIGTERM cancels.

    From here to the end no signal cuts anything short: what the first one began is an
    end in order, and the later ones are told so. Those that come after it are ignored:
    all is written, and a late Ctrl-C must not make a good end look like a bad one.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # what is there again after the receiver
    trading = trio.CancelScope()
    try:
        with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_obey, signals, trading)
                yield trading
                nursery.cancel_scope.cancel()
    except BaseExceptionGroup as group:
        if len(group.exceptions) == 1:  # the block's own error, as it was raised
            raise group.exceptions[0] from None
        raise


async def _obey(signals: AsyncIterator[int], trading: trio.CancelScope) -> None:
    async for number in signals:
        again = "still " if trading.cancel_called else ""
        say.print(f"{signal.Signals(number).name}: {again}stopping in order")
        trading.cancel()
