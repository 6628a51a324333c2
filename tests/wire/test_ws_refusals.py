"""What the stream refuses is named by topic: a client knows what it does not get."""

from collections.abc import Callable

import pytest
import trio

from actors.domain.messages import Role
from control import wire
from control.away import client as client_module
from control.away.client import Client, connect
from control.away.terminal import title
from control.door.gate import GateSettings
from tests.planes import SECRETS
from tests.wire.planes import ServedPlane, served
from tests.wire.test_ws_contract import Speaker, dial
from tests.wire.test_ws_resume import break_connections
from tests.wire.world import PATIENCE_SECONDS

MANY = tuple(f"symbol:X{number}" for number in range(wire.TOPICS_MAX))


def slow() -> ServedPlane:
    """A plane that lets two requests through at once, and five in a second."""
    rates = GateSettings(requests_per_second=5.0, requests_burst=2.0)
    return ServedPlane(now=trio.current_time, settings=rates)


async def until(fine: Callable[[], bool]) -> None:
    with trio.fail_after(PATIENCE_SECONDS):
        while not fine():  # noqa: ASYNC110 - it comes over a socket
            await trio.sleep(0.01)


def followed(plane: ServedPlane) -> set[str]:
    return {topic for client in plane.hub._clients for topic in client.topics()}


async def test_a_refusal_names_the_topics_that_it_is_of() -> None:
    async with served() as plane, dial(plane) as socket:
        speaker = Speaker(socket)
        await speaker.hear("HELLO")
        await speaker.say(type="subscribe", topics=["engine", "moon"])
        await speaker.hear("SNAPSHOT")
        fault = (await speaker.hear("ERROR"))["data"]
        assert (fault["code"], fault["topics"]) == (400, ["moon"])
        await speaker.say(type="subscribe", topics=MANY)
        fault = (await speaker.hear("ERROR"))["data"]
        assert (fault["code"], fault["topics"]) == (400, list(MANY))
        assert followed(plane) == {"engine"}
        await speaker.say(type="auth", ticket="again")
        assert (await speaker.hear("ERROR"))["data"]["topics"] == []


async def test_a_leaving_that_is_refused_names_its_topics_as_well() -> None:
    plane = slow()
    async with served(plane), dial(plane) as socket:
        speaker = Speaker(socket)
        await speaker.hear("HELLO")
        await speaker.say(type="subscribe", topics=["signals"])
        await speaker.hear("SNAPSHOT")
        for _ in range(2):
            await speaker.say(type="ping")
            await speaker.hear("PONG")
        await speaker.say(type="unsubscribe", topics=["signals"])
        fault = (await speaker.hear("ERROR"))["data"]
        assert (fault["code"], fault["topics"]) == (429, ["signals"])
        assert followed(plane) == {"signals"}


async def drain(client: Client) -> None:
    async for _ in client.events():
        pass


async def test_a_client_asks_again_for_what_it_asked_too_fast(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(client_module, "AGAIN_SECONDS", 0.5)
    plane, topics = slow(), ["engine", "symbols", "health", "orders", "risk"]
    async with (
        served(plane),
        connect(plane.url, SECRETS[Role.VIEWER]) as client,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(drain, client)
        for topic in topics:
            await client.subscribe(topic)
        await until(lambda: bool(client.refused))
        assert "requests per second" in next(iter(client.refused.values()))
        await until(lambda: followed(plane) == set(topics) and not client.refused)
        nursery.cancel_scope.cancel()


async def test_what_a_client_may_not_follow_keeps_it_from_nothing_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Asked for again with all the others, it would have all of them refused."""
    monkeypatch.setattr(client_module, "DELAY_SECONDS_MIN", 0.01)
    async with (
        served() as plane,
        connect(plane.url, SECRETS[Role.VIEWER]) as client,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(drain, client)
        await client.subscribe("engine")
        await client.subscribe(*MANY)
        await until(lambda: client.refused.keys() == set(MANY))
        assert "the limit is 64" in client.refused[MANY[0]]
        assert followed(plane) == {"engine"}
        break_connections(plane)
        await until(lambda: client.connections == 2 and followed(plane) == {"engine"})
        assert f"without {MANY[0]}" in title(client, 0)
        nursery.cancel_scope.cancel()
