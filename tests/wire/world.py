"""A control plane on loopback beside a counter that stands for the engine."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import trio
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp
from starlette.websockets import WebSocket, WebSocketDisconnect

from control.door.fence import fenced
from control.door.guard import ServerLimits
from control.door.server import Serving, serve
from control.door.transport import Transport, abort_current, current_transport

PATIENCE_SECONDS = 60
"""Long enough for a slow machine: a test that waits so long has failed."""

LIMITS = ServerLimits(stall_seconds_max=0.5, shutdown_seconds=0.5, spare_max=0)

WS_KEY = b"dGhlIHNhbXBsZSBub25jZQ=="


class Engine:
    """Counts for as long as the loop lets it."""

    def __init__(self) -> None:
        self.count = 0
        self._beaten = trio.lowlevel.ParkingLot()

    async def run(self) -> None:
        while True:
            self.count += 1
            self._beaten.unpark_all()
            await trio.sleep(0.001)

    async def advances(self, beats: int = 20) -> None:
        until = self.count + beats
        while self.count < until:
            await self._beaten.park()


class World:
    """What a test of the wire holds in its hands."""

    def __init__(
        self,
        engine: Engine,
        serving: Serving,
        faults: list[str],
        transports: list[Transport],
        cancel_server: Callable[[], None],
    ) -> None:
        self.cancel_server = cancel_server
        self.transports = transports
        self.engine = engine
        self.serving = serving
        self.faults = faults

    async def connect(
        self, *, receive_buffer: int | None = None, source: str = "127.0.0.1"
    ) -> trio.SocketStream:
        socket = trio.socket.socket()
        if receive_buffer is not None:
            option = trio.socket.SO_RCVBUF
            socket.setsockopt(trio.socket.SOL_SOCKET, option, receive_buffer)
        await socket.bind((source, 0))
        await socket.connect(self.serving.addresses[0])
        return trio.SocketStream(socket)

    async def survives(self) -> None:
        """The engine goes on, no connection is left, a plain request is answered."""
        with trio.fail_after(PATIENCE_SECONDS):
            await self.serving.emptied()
            await self.engine.advances()
            client = await self.connect()
            async with client:
                await client.send_all(get("/plain"))
                answer = await read_until(client, b"engine trades")
            assert b"200" in answer.partition(b"\r\n")[0], answer
            await self.serving.emptied()
        assert self.serving.statistics().live == 0


@asynccontextmanager
async def open_world(
    limits: ServerLimits = LIMITS,
    app: ASGIApp | None = None,
    tls: tuple[str, str] | None = None,
) -> AsyncIterator[World]:
    engine = Engine()
    faults: list[str] = []
    transports: list[Transport] = []
    server = trio.CancelScope()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(engine.run)

        async def start(
            task_status: trio.TaskStatus[Serving] = trio.TASK_STATUS_IGNORED,
        ) -> None:
            with server:
                await serve(
                    app or application(transports),
                    tls=tls,
                    host="127.0.0.1",
                    port=0,
                    limits=limits,
                    on_fault=lambda fault, _peer: faults.append(type(fault).__name__),
                    task_status=task_status,
                )

        serving = await nursery.start(start)
        yield World(engine, serving, faults, transports, server.cancel)
        with trio.fail_after(PATIENCE_SECONDS):
            await serving.close()
        nursery.cancel_scope.cancel()


def application(transports: list[Transport]) -> ASGIApp:
    """The routes behind the fences; `/flood` leaves its transport in the list."""
    app = Starlette(
        routes=[
            Route("/plain", plain),
            Route("/raise", raising),
            Route("/body", body, methods=["POST"]),
            WebSocketRoute("/ws", echo),
            WebSocketRoute("/unoffered", unoffered),
            WebSocketRoute("/flood", flood),
            WebSocketRoute("/deaf", deaf),
            WebSocketRoute("/abort", aborting),
        ]
    )
    app.state.transports = transports
    return fenced(app, hosts=["localhost"], origins=["http://localhost"], tls=True)


async def plain(_request: Request) -> Response:
    return PlainTextResponse("engine trades")


async def raising(_request: Request) -> Response:
    raise ArithmeticError


async def body(request: Request) -> Response:
    return PlainTextResponse(str(len(await request.body())))


async def echo(websocket: WebSocket) -> None:
    await websocket.accept()
    try:
        while True:
            await websocket.send_text(await websocket.receive_text())
    except WebSocketDisconnect:
        return


async def unoffered(websocket: WebSocket) -> None:
    await websocket.accept(subprotocol="never.offered")


async def flood(websocket: WebSocket) -> None:
    """Write as a hub does, without end, with a reader beside it."""
    await websocket.accept()
    transport = current_transport.get()
    assert transport is not None
    websocket.app.state.transports.append(transport)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_read_away, websocket, nursery.cancel_scope)
        while True:
            await websocket.send_text("tick" * 1_024)
            await trio.lowlevel.checkpoint()


async def _read_away(websocket: WebSocket, scope: trio.CancelScope) -> None:
    while (await websocket.receive())["type"] != "websocket.disconnect":
        pass
    scope.cancel()


async def aborting(websocket: WebSocket) -> None:
    """Abort its own console, then go on as if nothing had happened."""
    await websocket.accept()
    abort_current()
    await websocket.send_text("nobody hears this")
    await websocket.receive()


async def deaf(websocket: WebSocket) -> None:
    """Accept and never read: what an application should not do."""
    await websocket.accept()
    await trio.sleep_forever()


def get(path: str, *headers: bytes) -> bytes:
    lines = [f"GET {path} HTTP/1.1".encode(), b"Host: localhost", *headers]
    return b"\r\n".join(lines) + b"\r\n\r\n"


def handshake(path: str = "/ws", *headers: bytes, key: bytes = WS_KEY) -> bytes:
    return get(
        path,
        b"Upgrade: websocket",
        b"Connection: Upgrade",
        b"Sec-WebSocket-Version: 13",
        b"Sec-WebSocket-Key: " + key,
        *headers,
    )


def frame(payload: bytes, *, first: int = 0x81) -> bytes:
    """A client's frame of at most 125 bytes; its mask is zero, so it can be read."""
    assert len(payload) < 126
    return bytes((first, 0x80 | len(payload))) + bytes(4) + payload


async def read_until(stream: trio.SocketStream, wanted: bytes) -> bytes:
    """Read to the wanted bytes or to the end; to the end only, if they are empty."""
    received = bytearray()
    while not wanted or wanted not in received:
        try:
            piece = await stream.receive_some()
        except trio.BrokenResourceError:
            break
        if not piece:
            break
        received += piece
    return bytes(received)
