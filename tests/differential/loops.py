"""The few words that a driver needs of an event loop, on trio and on asyncio."""

import asyncio  # noqa: TID251 - the stock side runs on it, in a process of its own
from collections.abc import Awaitable, Callable
from typing import Any

import trio


class Job:
    """A call that runs beside its driver."""

    def __init__(self) -> None:
        self.done = False
        self.value: Any = None
        self.error: BaseException | None = None
        self.cancel: Callable[[], object] = lambda: None

    async def run(self, work: Callable[[], Awaitable[Any]]) -> None:
        """Do the work and keep how it ended."""
        try:
            self.value = await work()
        except Exception as error:  # noqa: BLE001 - it is what is compared
            self.error = error
        except asyncio.CancelledError as error:
            self.error = error  # stock's way to say that the connection was closed
            raise
        finally:
            self.done = True


class TrioLoop:
    """Drives under trio."""

    def __init__(self, nursery: trio.Nursery) -> None:
        self.nursery = nursery

    async def sleep(self, seconds: float) -> None:
        """Sleep; zero lets every task run once."""
        await trio.sleep(seconds)

    def start(self, work: Callable[[], Awaitable[Any]]) -> Job:
        """Run a call beside the driver."""
        job, scope = Job(), trio.CancelScope()
        job.cancel = scope.cancel

        async def scoped() -> None:
            with scope:
                await job.run(work)

        self.nursery.start_soon(scoped)
        return job


class AsyncioLoop:
    """Drives under asyncio."""

    nursery = None

    async def sleep(self, seconds: float) -> None:
        """Sleep; zero lets every task run once."""
        await asyncio.sleep(seconds)

    def start(self, work: Callable[[], Awaitable[Any]]) -> Job:
        """Run a call beside the driver."""
        job = Job()
        task = asyncio.ensure_future(job.run(work))
        job.cancel = task.cancel
        task.add_done_callback(lambda _: None)
        return job


def run_trio(work: Callable[[Any], Awaitable[None]]) -> None:
    """Run a driver under trio; a loop of asyncio is an error."""
    asyncio.set_event_loop_policy(_NoLoops())

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            await work(TrioLoop(nursery))
            nursery.cancel_scope.cancel()

    trio.run(main)


def run_asyncio(work: Callable[[Any], Awaitable[None]]) -> None:
    """Run a driver under asyncio."""

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)
        await work(AsyncioLoop())

    asyncio.run(main())


class _NoLoops(asyncio.DefaultEventLoopPolicy):
    """Refuses to make a loop of asyncio."""

    def new_event_loop(self) -> Any:
        msg = "the adapter asked for a loop of asyncio"
        raise AssertionError(msg)

    get_event_loop = new_event_loop
