"""Broken connections and stuck readers over real sockets."""

import random
import socket as sockets
from typing import Any

import msgspec
import pytest
import trio

from actors.domain.messages import Role
from actors.domain.phases import GLOBAL_MACHINE
from control import wire
from control.away import client as client_module
from control.away.client import Client, connect
from control.away.mirror import Mirror
from tests.engines import InMemoryEngine, order, position
from tests.planes import SECRETS
from tests.wire.planes import ServedPlane, served

TOPICS = ("engine", "transitions", "positions", "orders", "symbols", "alerts", "why")


def plain(value: Any) -> Any:
    return msgspec.json.decode(wire.encode(value))


def truth(engine: InMemoryEngine) -> dict[str, Any]:
    return {
        "engine": plain(engine.status()),
        "transitions": plain([wire.transition_row(s) for s in engine.transitions(100)]),
        "positions": plain({k: wire.position_row(p) for k, p in engine.held.items()}),
        "orders": plain({k: wire.order_row(o) for k, o in engine.sent.items()}),
        "symbols": plain(engine.rows),
        "alerts": plain([wire.row(alert) for alert in reversed(engine.alerts())]),
        "why": plain(list(reversed(engine.why(None, 100)))),
    }


def picture(mirror: Mirror) -> dict[str, Any]:
    return {
        "engine": mirror.engine,
        "transitions": list(mirror.transitions),
        "positions": mirror.open_positions(),
        "orders": mirror.orders,
        "symbols": mirror.symbols,
        "alerts": list(mirror.alerts),
        "why": list(mirror.why),
    }


def change(engine: InMemoryEngine, chance: random.Random) -> None:
    """Let one thing happen, chosen by `chance`."""
    engine.clock.moment_ms += 1
    serial = chance.randrange(8)
    match chance.randrange(6):
        case 0:
            engine.walk(chance.choice(sorted(GLOBAL_MACHINE[engine.state])))
        case 1:
            closed = 1 if chance.random() < 0.3 else None
            engine.hold(position(serial, f"1.{serial}", closed))
        case 2:
            engine.send(order(serial, chance.choice(["open", "partial", "filled"])))
        case 3:
            engine.move(chance.choice(list(engine.rows)), chance.random())
        case 4:
            engine.alarm(f"alarm {serial}")
        case _:
            for _ in range(chance.choice([1, 1, 1, 1500])):
                engine.refuse("ETH/USDT", serial)


async def follow(client: Client, mirror: Mirror) -> None:
    await client.subscribe(*TOPICS)
    async for envelope in client.events():
        mirror.apply(envelope)


async def settled(plane: ServedPlane, mirror: Mirror) -> None:
    with trio.move_on_after(60):
        while picture(mirror) != truth(plane.engine):  # noqa: ASYNC110 - the state comes over a socket, without an event
            await trio.sleep(0.02)
    assert picture(mirror) == truth(plane.engine)


def break_connections(plane: ServedPlane) -> None:
    for client in tuple(plane.hub._clients):
        client.abort()


@pytest.mark.parametrize("seed", range(10))
async def test_a_client_cut_off_at_random_points_ends_with_the_servers_state(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "DELAY_SECONDS_MIN", 0.01)
    chance = random.Random(seed)
    token = SECRETS[Role.VIEWER]
    async with served() as plane, connect(plane.url, token, chance) as client:
        mirror = Mirror()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(follow, client, mirror)
            for _ in range(5):
                for _ in range(chance.randrange(60)):
                    change(plane.engine, chance)
                    if chance.random() < 0.1:
                        await trio.sleep(chance.random() * 0.02)
                break_connections(plane)
                for _ in range(chance.randrange(30)):
                    change(plane.engine, chance)
                await trio.sleep(chance.random() * 0.1)
            await settled(plane, mirror)
            nursery.cancel_scope.cancel()
        assert mirror.gaps == 0
        assert client.connections > 1


async def test_a_short_break_brings_the_missed_events_and_no_snapshot() -> None:
    async with served() as plane, connect(plane.url, SECRETS[Role.VIEWER]) as client:
        await client.subscribe("alerts")
        snapshot = await anext(client)
        plane.engine.alarm("seen")
        await anext(client)
        break_connections(plane)
        plane.engine.alarm("missed 1")
        plane.engine.alarm("missed 2")
        with trio.fail_after(60):
            missed = [await anext(client) for _ in range(2)]
        assert [item.data["message"] for item in missed] == ["missed 1", "missed 2"]
        assert [item.seq - snapshot.seq for item in missed] == [2, 3]


async def test_a_reader_that_stops_is_dropped_and_slows_nobody() -> None:
    async with served() as plane:
        deaf = await _deaf_client(plane)
        token = SECRETS[Role.VIEWER]
        async with deaf, connect(plane.url, token) as client:
            mirror = Mirror()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(follow, client, mirror)
                await plane.followed("alerts", clients=2)
                with trio.fail_after(60):
                    while plane.hub.statistics().clients > 1:
                        for _ in range(20):
                            plane.engine.alarm("x" * 5_000)
                        await trio.sleep(0.05)
                await settled(plane, mirror)
                nursery.cancel_scope.cancel()
            assert mirror.gaps == 0
            assert client.connections == 1


async def _deaf_client(plane: ServedPlane) -> trio.SocketStream:
    """Shake hands, subscribe to alerts, and never read again."""
    raw = trio.socket.socket()
    raw.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 4096)
    await raw.connect(("127.0.0.1", plane.serving.port))
    stream = trio.SocketStream(raw)
    lines = (
        "GET /ws HTTP/1.1",
        "Host: 127.0.0.1",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
        f"Authorization: Bearer {SECRETS[Role.VIEWER]}",
    )
    await stream.send_all(("\r\n".join(lines) + "\r\n\r\n").encode())
    message = b'{"type":"subscribe","topics":["alerts"]}'
    await stream.receive_some(64)
    head = bytes([0x81, 0x80 | len(message), 0, 0, 0, 0])  # masked with zeros
    await stream.send_all(head + message)
    return stream


def test_every_topic_of_the_contract_is_followed_here() -> None:
    followed = set(TOPICS) | {"signals", "health", "risk"}
    assert followed == wire.EVENT_TOPICS | wire.POLLED_TOPICS
