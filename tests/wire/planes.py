"""A control plane on a real socket, behind the real server."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio

from control.fence import fenced
from control.server import ServerLimits, Serving, serve
from tests.planes import Plane

LIMITS = ServerLimits(connections_per_address_max=64, shutdown_seconds=0.5)


class ServedPlane(Plane):
    """Adds where it listens; `restart` breaks every connection."""

    serving: Serving

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.serving.port}"


@asynccontextmanager
async def served(plane: ServedPlane | None = None) -> AsyncIterator[ServedPlane]:
    plane = plane or ServedPlane(now=trio.current_time)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(plane.hub.run)
        await _listen(plane, nursery, port=0)
        yield plane
        nursery.cancel_scope.cancel()


async def _listen(plane: ServedPlane, nursery: trio.Nursery, port: int) -> None:
    async def run(task_status: trio.TaskStatus[Serving]) -> None:
        await serve(
            app,
            host="127.0.0.1",
            port=port,
            limits=LIMITS,
            on_fault=lambda *_: None,
            task_status=task_status,
        )

    origins: set[str] = set()
    app = fenced(plane.inner, hosts={"127.0.0.1"}, origins=origins, tls=False)
    plane.serving = await nursery.start(run)
    origins.add(plane.url)
