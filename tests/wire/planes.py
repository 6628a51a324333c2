"""A control plane on a real socket, behind the real server."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio
from starlette.types import Receive, Scope, Send

from control.door.fence import fenced
from control.door.server import ServerLimits, Serving, serve
from tests.planes import Plane

LIMITS = ServerLimits(connections_per_address_max=64, shutdown_seconds=0.5)


class ServedPlane(Plane):
    """Adds where it listens."""

    serving: Serving

    @property
    def url(self) -> str:
        return f"http://{self.host}"

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.serving.port}"

    async def followed(self, topic: str, clients: int = 1) -> None:
        """Wait until so many clients follow a topic."""
        with trio.fail_after(60):
            while self._followers(topic) < clients:  # noqa: ASYNC110 - it comes over a socket
                await trio.sleep(0.01)

    def _followers(self, topic: str) -> int:
        return sum(topic in client.topics() for client in self.hub._clients)


@asynccontextmanager
async def served(
    plane: ServedPlane | None = None, limits: ServerLimits = LIMITS
) -> AsyncIterator[ServedPlane]:
    plane = plane or ServedPlane(now=trio.current_time)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(plane.hub.run)
        await _listen(plane, nursery, limits)
        yield plane
        nursery.cancel_scope.cancel()


async def _listen(
    plane: ServedPlane, nursery: trio.Nursery, limits: ServerLimits
) -> None:
    async def late(scope: Scope, receive: Receive, send: Send) -> None:
        """The exact origin is known when the system has given a port."""
        await plane.app(scope, receive, send)

    async def run(task_status: trio.TaskStatus[Serving]) -> None:
        await serve(
            late,
            host="127.0.0.1",
            port=0,
            limits=limits,
            on_fault=lambda *_: None,
            task_status=task_status,
        )

    plane.serving = await nursery.start(run)
    hosts = {"127.0.0.1"}
    plane.app = fenced(plane.inner, hosts=hosts, origins={plane.url}, tls=False)
