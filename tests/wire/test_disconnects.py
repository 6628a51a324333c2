"""A thousand broken connections, at any point, and every client knows the truth."""

import os
import random

import pytest
import trio

from actors.domain.messages import Role
from control.away import client as client_module
from control.away.client import Client, connect
from control.away.mirror import Mirror
from tests.planes import SECRETS
from tests.wire.planes import ServedPlane, served
from tests.wire.test_ws_resume import change, follow, settled

CLIENTS = 10
DISCONNECTS = 1_000 if os.environ.get("CI") else 150


class Follower:
    """One client with its picture."""

    def __init__(self, chance: random.Random) -> None:
        self.mirror = Mirror()
        self.chance = chance
        self.client: Client | None = None

    async def run(self, plane: ServedPlane) -> None:
        token = SECRETS[Role.VIEWER]
        async with connect(plane.url, token, self.chance) as self.client:
            await follow(self.client, self.mirror)


async def cut_off(followers: list[Follower], plane: ServedPlane) -> None:
    """Break connections, from either side, wherever in a talk they may be."""
    chance = random.Random(5)
    while reconnects(followers) < DISCONNECTS:
        served_ones = tuple(plane.hub._clients)
        if served_ones and chance.random() < 0.5:
            chance.choice(served_ones).abort()  # also in its first snapshot
        else:
            client = chance.choice(followers).client
            assert client is not None
            client._talk.cancel()  # from this side, whatever is under way
        await trio.sleep(chance.random() * 0.01)


def reconnects(followers: list[Follower]) -> int:
    """Count the connections that came after the first ones."""
    return sum(f.client.connections - 1 for f in followers if f.client is not None)


async def live_on(plane: ServedPlane) -> None:
    """Let the engine change, in bursts longer than a ring now and then."""
    chance = random.Random(6)
    while True:
        for _ in range(chance.randrange(4)):
            change(plane.engine, chance)
        await trio.sleep(chance.random() * 0.01)


@pytest.mark.timeout(180)
async def test_a_thousand_disconnects_leave_every_client_with_the_servers_state(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(client_module, "DELAY_SECONDS_MIN", 0.005)
    monkeypatch.setattr(client_module, "DELAY_SECONDS_MAX", 0.05)
    followers = [Follower(random.Random(seed)) for seed in range(CLIENTS)]
    async with served() as plane, trio.open_nursery() as nursery:
        for follower in followers:
            nursery.start_soon(follower.run, plane)
        await plane.followed("alerts", CLIENTS)
        with trio.CancelScope() as living:
            async with trio.open_nursery() as world:
                world.start_soon(live_on, plane)
                await cut_off(followers, plane)
                living.cancel()
        with trio.fail_after(60):
            for follower in followers:
                await settled(plane, follower.mirror)
        gaps = [follower.mirror.gaps for follower in followers]
        nursery.cancel_scope.cancel()
    assert gaps == [0] * CLIENTS
    assert reconnects(followers) >= DISCONNECTS
