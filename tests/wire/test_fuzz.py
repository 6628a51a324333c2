"""Random and mutated bytes at the wire; BREAKOUT_FUZZ_INPUTS asks for more of them."""

import os
import random
from contextlib import suppress
from typing import Final

import pytest
import trio

from control.door.guard import ServerLimits
from tests.wire.probes import PROBES
from tests.wire.test_server import reset
from tests.wire.world import PATIENCE_SECONDS, World, frame, handshake, open_world

INPUTS: Final = int(os.environ.get("BREAKOUT_FUZZ_INPUTS", "300"))

AT_ONCE: Final = 4

LIMITS: Final = ServerLimits(
    connections_max=1_000,
    connections_per_address_max=1_000,
    stall_seconds_max=0.5,
    shutdown_seconds=0.5,
)


def noise(source: random.Random) -> bytes:
    return source.randbytes(source.randint(1, 600))


def mutated_probe(source: random.Random) -> bytes:
    """A probe with some bytes changed, cut out or doubled."""
    sent = bytearray(b"".join(source.choice(PROBES).steps)[:4_000])
    for _ in range(source.randint(1, 8)):
        place = source.randrange(len(sent))
        match source.randrange(3):
            case 0:
                sent[place] = source.randrange(256)
            case 1:
                del sent[place : place + source.randint(1, 9)]
            case _:
                sent[place:place] = sent[place : place + source.randint(1, 90)]
        sent = sent or bytearray(b"\r\n")
    return bytes(sent)


def random_frames(source: random.Random) -> bytes:
    """A good handshake, then frames of every opcode and some bytes of noise."""
    frames = [
        frame(source.randbytes(source.randrange(126)), first=source.randrange(256))
        for _ in range(source.randint(1, 6))
    ]
    return handshake() + b"".join(frames) + noise(source)


async def throw(world: World, source: random.Random, slots: trio.Semaphore) -> None:
    kind = source.choice((noise, mutated_probe, random_frames))
    sent = kind(source)
    pieces = source.randint(1, 3)
    async with slots:
        client = await world.connect()
        size = -(-len(sent) // pieces)
        with suppress(trio.BrokenResourceError):
            for start in range(0, len(sent), size):
                await client.send_all(sent[start : start + size])
            # The server answers, closes or waits for more; none of it may hang us.
            with trio.move_on_after(0.02):
                await client.receive_some()
        if source.random() < 0.5:
            reset(client)
        else:
            await client.aclose()


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_no_bytes_end_the_server_or_stop_the_engine(seed: int) -> None:
    source = random.Random(seed)
    slots = trio.Semaphore(AT_ONCE)
    async with open_world(LIMITS) as world:
        with trio.fail_after(PATIENCE_SECONDS + INPUTS):
            async with trio.open_nursery() as nursery:
                for _ in range(INPUTS // 3):
                    child = random.Random(source.getrandbits(64))
                    nursery.start_soon(throw, world, child, slots)
        await world.survives()
        seen = world.serving.statistics()
        assert seen.accepted > INPUTS // 3
        assert seen.crashed.keys() <= {
            "ArithmeticError",  # what the application raises on purpose
            "AttributeError",
            "Exception",
            "LocalProtocolError",
            "RemoteProtocolError",
            "UnicodeDecodeError",
        }
