"""An actor around something that simply runs: the monitor, the control plane.

Its one message is to run; when that raises, the supervisor starts it again.
"""

from collections.abc import Awaitable, Callable

import msgspec

from actors.runtime import Actor, ChildSpec


class Run(msgspec.Struct, frozen=True):
    """Run until stopped."""


class Service(Actor[Run]):
    """Runs one coroutine function for the life of the incarnation."""

    def __init__(self, run: Callable[[], Awaitable[None]]) -> None:
        super().__init__()
        self._run = run

    async def on_start(self) -> None:
        """Send the one message."""
        self.context.ref.tell(Run())

    async def handle(self, _message: Run) -> None:
        """Run."""
        await self._run()


def service(name: str, run: Callable[[], Awaitable[None]]) -> ChildSpec:
    """Specify a service. It has no message to finish, so a stop cancels it at once."""
    return ChildSpec(name, lambda: Service(run), shutdown_seconds=0.0)
