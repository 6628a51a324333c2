"""Caps, stuck consoles, resets, aborts and the end of the server."""

import os
import resource
import struct
import sys
from contextlib import suppress

import msgspec
import pytest
import trio
from starlette.types import Receive, Scope, Send

from control.door.server import Serving, serve
from control.door.transport import abort_current
from tests.wire.world import (
    LIMITS,
    PATIENCE_SECONDS,
    World,
    frame,
    get,
    handshake,
    open_world,
    read_until,
)

PATIENT = msgspec.structs.replace(LIMITS, stall_seconds_max=600)
"""Here nothing but an abort can free a writer."""

PING = b"\x89\x00"


def reset(stream: trio.SocketStream) -> None:
    linger = struct.pack("ii", 1, 0)
    stream.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_LINGER, linger)
    stream.socket.close()


async def stuck_console(world: World) -> trio.SocketStream:
    """Sign in to a flood, then never read again, until the writer stands still."""
    client = await world.connect(receive_buffer=4_096)
    await client.send_all(handshake("/flood"))
    sent_bytes = -1
    while sent_bytes < (sent_bytes := world.serving.statistics().sent_bytes) or (
        not world.transports
    ):
        await world.engine.advances(50)
    return client


async def test_three_hundred_idle_connections_stop_at_the_cap() -> None:
    limits = msgspec.structs.replace(LIMITS, connections_per_address_max=1_000)
    async with open_world(limits) as world:
        clients = [await world.connect() for _ in range(300)]
        with trio.fail_after(PATIENCE_SECONDS):
            for client in clients[64:]:
                assert await read_until(client, b"") == b""
        seen = world.serving.statistics()
        assert (seen.live, seen.peak, seen.refused_over_cap) == (64, 64, 236)
        for client in clients:
            client.socket.close()
        await world.survives()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux answers at 127.0.0.2")
async def test_one_address_cannot_take_every_place() -> None:
    limits = msgspec.structs.replace(LIMITS, connections_per_address_max=8)
    async with open_world(limits) as world:
        greedy = [await world.connect() for _ in range(9)]
        other = await world.connect(source="127.0.0.2")
        with trio.fail_after(PATIENCE_SECONDS):
            assert await read_until(greedy[8], b"") == b""
            await other.send_all(get("/plain"))
            assert b"200" in await read_until(other, b"engine trades")
        assert world.serving.statistics().refused_per_address == 1
        for client in (*greedy, other):
            client.socket.close()
        await world.survives()


async def test_who_leaves_between_two_requests_gives_its_place_free_at_once() -> None:
    """A page that is opened again and again must not meet its own shadows."""
    limits = msgspec.structs.replace(
        LIMITS, handshake_seconds_max=600, shutdown_seconds=60
    )
    async with open_world(limits) as world:
        client = await world.connect()
        await client.send_all(get("/plain"))
        assert b"200" in await read_until(client, b"engine trades")
        await trio.sleep(0.05)  # now the server waits for the next request
        client.socket.close()
        began = trio.current_time()
        with trio.fail_after(PATIENCE_SECONDS):
            while world.serving.statistics().live:
                await world.engine.advances(1)
        assert trio.current_time() - began < limits.shutdown_seconds / 2
        await world.survives()


async def test_reset_at_once_is_nothing() -> None:
    async with open_world() as world:
        for _ in range(20):
            reset(await world.connect())
        await world.survives()
        assert world.faults == []


async def test_reset_after_the_handshake_is_nothing() -> None:
    async with open_world() as world:
        for path in ("/ws", "/flood", "/deaf"):
            client = await world.connect()
            await client.send_all(handshake(path))
            await read_until(client, b"\r\n\r\n")
            reset(client)
        await world.survives()
        assert world.faults == []


@pytest.mark.parametrize("kernel_helps", [True, False])
async def test_console_that_stops_reading_is_dropped_and_slows_nobody(
    monkeypatch: pytest.MonkeyPatch, *, kernel_helps: bool
) -> None:
    if not kernel_helps:
        monkeypatch.delattr(trio.socket, "TCP_USER_TIMEOUT", raising=False)
    limits = msgspec.structs.replace(LIMITS, stall_seconds_max=1.5)
    async with open_world(limits) as world:
        async with await stuck_console(world), await world.connect() as healthy:
            with trio.fail_after(PATIENCE_SECONDS):
                await healthy.send_all(handshake())
                await read_until(healthy, b"\r\n\r\n")
                await healthy.send_all(frame(b"are you there"))
                await read_until(healthy, b"are you there")
                assert world.serving.statistics().live == 2
                await healthy.aclose()
                await world.serving.emptied()
        assert world.serving.statistics().dropped_stalled == 1
        assert world.faults == []
        await world.survives()


async def test_hub_aborts_a_console_in_mid_write() -> None:
    async with open_world(PATIENT) as world:
        async with await stuck_console(world):
            world.transports[0].abort()
            await world.survives()
        assert world.serving.statistics().aborted == 1
        assert world.faults == []


async def test_application_aborts_its_own_console() -> None:
    async with open_world() as world:
        async with await world.connect() as client:
            await client.send_all(handshake("/abort"))
            with trio.fail_after(PATIENCE_SECONDS):
                assert b"nobody" not in await read_until(client, b"")
        await world.survives()
        assert world.serving.statistics().aborted == 1
        assert world.faults == []


def test_abort_outside_a_connection_is_nothing() -> None:
    abort_current()


async def test_head_that_only_drips_is_closed_at_its_deadline() -> None:
    limits = msgspec.structs.replace(LIMITS, handshake_seconds_max=0.3)
    async with open_world(limits) as world:
        client = await world.connect()
        with trio.fail_after(PATIENCE_SECONDS), suppress(trio.BrokenResourceError):
            while True:
                await client.send_all(b"G")
                await world.engine.advances()
        client.socket.close()
        await world.survives()


async def test_silent_console_is_closed_and_one_that_answers_pings_is_kept() -> None:
    limits = msgspec.structs.replace(LIMITS, ping_seconds=0.2, read_timeout_seconds=1)
    async with open_world(limits) as world:
        silent, alive = await world.connect(), await world.connect()
        with trio.fail_after(PATIENCE_SECONDS):
            await silent.send_all(handshake())
            await alive.send_all(handshake())
            await read_until(alive, b"\r\n\r\n")
            for _ in range(8):
                await read_until(alive, PING)
                await alive.send_all(b"\x8a\x80" + bytes(4))
            await read_until(silent, b"")
            await silent.aclose()
            await alive.send_all(frame(b"still here"))
            assert b"still here" in await read_until(alive, b"still here")
            await alive.aclose()
        await world.survives()


async def test_application_that_never_reads_cannot_keep_a_dead_connection() -> None:
    limits = msgspec.structs.replace(LIMITS, ping_seconds=0.1)
    async with open_world(limits) as world:
        client = await world.connect()
        await client.send_all(handshake("/deaf"))
        await read_until(client, b"\r\n\r\n")
        await client.send_all(frame(b"more than its queue holds") * 40)
        await client.aclose()
        await world.survives()


async def test_oversized_message_is_not_kept_while_it_still_comes() -> None:
    async with open_world() as world:
        client = await world.connect()
        await client.send_all(handshake())
        await read_until(client, b"\r\n\r\n")
        await client.send_all(b"\x82\xff\x7f" + b"\xff" * 7 + bytes(4))
        with trio.fail_after(PATIENCE_SECONDS), suppress(trio.BrokenResourceError):
            for _ in range(512):
                await client.send_all(bytes(65_536))
        client.socket.close()
        await world.survives()
        assert world.serving.statistics().received_bytes < 1_048_576


async def test_no_free_descriptor_is_waited_out() -> None:
    async with open_world() as world:
        client_socket = trio.socket.socket()
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        lowest_free = os.dup(0)
        os.close(lowest_free)
        resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free, hard))
        try:
            await client_socket.connect(world.serving.addresses[0])
            with trio.fail_after(PATIENCE_SECONDS):
                while not world.serving.statistics().accept_errors:
                    await world.engine.advances()
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        async with trio.SocketStream(client_socket) as client:
            await client.send_all(get("/plain"))
            with trio.fail_after(PATIENCE_SECONDS):
                assert b"200" in await read_until(client, b"engine trades")
        await world.survives()


@pytest.mark.parametrize("cancelled", [True, False])
async def test_stuck_console_cannot_delay_the_end(*, cancelled: bool) -> None:
    async with open_world(PATIENT) as world:
        async with await stuck_console(world):
            with trio.fail_after(PATIENCE_SECONDS):
                if cancelled:
                    world.cancel_server()
                    await world.serving.emptied()
                else:
                    await world.serving.close()
        assert world.serving.statistics().live == 0


async def test_close_lets_a_request_finish() -> None:
    release = trio.Event()
    asked = trio.Event()

    async def slow(_scope: Scope, _receive: Receive, send: Send) -> None:
        asked.set()
        await release.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"done"})

    limits = msgspec.structs.replace(LIMITS, shutdown_seconds=PATIENCE_SECONDS)
    async with (
        open_world(limits, app=slow) as world,
        await world.connect() as client,
        trio.open_nursery() as nursery,
    ):
        await client.send_all(get("/"))
        with trio.fail_after(PATIENCE_SECONDS):
            await asked.wait()
            nursery.start_soon(world.serving.close)
            await world.engine.advances()
            release.set()
            assert b"done" in await read_until(client, b"")


async def test_ctrl_c_in_the_application_ends_the_server() -> None:
    async def interrupted(_scope: Scope, _receive: Receive, _send: Send) -> None:
        async with trio.open_nursery():
            raise KeyboardInterrupt

    async def start(
        task_status: trio.TaskStatus[Serving] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        await serve(
            interrupted,
            host="127.0.0.1",
            port=0,
            on_fault=lambda _fault, _peer: None,
            task_status=task_status,
        )

    with pytest.RaisesGroup(KeyboardInterrupt, flatten_subgroups=True):
        with trio.fail_after(PATIENCE_SECONDS):
            async with trio.open_nursery() as nursery:
                serving = await nursery.start(start)
                client = await trio.open_tcp_stream(*serving.addresses[0])
                async with client:
                    await client.send_all(get("/"))
                    await trio.sleep_forever()
