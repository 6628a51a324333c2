"""The hub in virtual time: two lanes, resume, resync, and a publisher left alone."""

from typing import Any

import msgspec
import pytest
import trio

from actors.domain.messages import Published
from actors.domain.phases import Phase
from control.live.client import Client
from control.live.hub import CLIENTS_MAX, Hub
from control.live.topics import RING_LENGTH
from tests.engines import InMemoryEngine, TestClock, position


class World:
    """A hub on a test engine, and clients that only take."""

    def __init__(self) -> None:
        self.clock = TestClock()
        self.engine = InMemoryEngine(self.clock)
        self.hub = Hub(self.engine, self.clock)
        self.engine.publisher = self.hub
        self.aborted: list[str] = []

    def client(self, name: str = "a") -> Client:
        client = self.hub.join(lambda: self.aborted.append(name))
        assert client is not None
        return client

    def take(self, client: Client) -> list[dict[str, Any]]:
        client.has_state_turn = True
        return [msgspec.json.decode(item) for item in self.hub.take(client)]


def kinds(envelopes: list[dict[str, Any]]) -> list[str]:
    return [envelope["type"] for envelope in envelopes]


async def test_events_rise_by_exactly_one_behind_the_snapshot() -> None:
    world = World()
    client = world.client()
    world.engine.walk(Phase.INITIALIZING)
    assert world.hub.subscribe(client, "transitions")
    world.engine.walk(Phase.SCANNING, Phase.PAUSED)
    snapshot, *deltas = world.take(client)
    assert [step["to"] for step in snapshot["data"]["items"]] == ["INITIALIZING"]
    assert [item["seq"] - snapshot["seq"] for item in deltas] == [1, 2]
    assert world.take(client) == []


async def test_the_snapshot_of_signals_has_signals_alone() -> None:
    """The result of a scan is told there as well, and is no signal."""
    world = World()
    for kind, body in (("SIGNAL", {"id": "s-1"}), ("SCAN_RESULT", {"symbols": 3})):
        world.hub.publish(Published("signals", kind, 0, body))
    client = world.client()
    world.hub.subscribe(client, "signals")
    (snapshot,) = world.take(client)
    assert snapshot["data"]["items"] == [{"id": "s-1"}]


async def test_events_of_several_topics_come_in_the_order_of_publishing() -> None:
    world = World()
    client = world.client()
    for topic in ("transitions", "positions", "alerts"):
        world.hub.subscribe(client, topic)
    world.take(client)
    world.engine.alarm("first")
    world.engine.walk(Phase.INITIALIZING)
    world.engine.hold(position(1))
    world.engine.alarm("last")
    expected = ["ALERT", "TRANSITION", "POSITION_OPEN", "ALERT"]
    assert kinds(world.take(client)) == expected


async def test_after_resumes_behind_a_sequence_number() -> None:
    world = World()
    client = world.client()
    world.hub.subscribe(client, "transitions")
    (snapshot,) = world.take(client)
    world.engine.walk(Phase.INITIALIZING, Phase.SCANNING)
    back = world.client("back")
    world.hub.subscribe(back, "transitions", after=snapshot["seq"] + 1)
    (missed,) = world.take(back)
    assert (missed["data"]["to"], missed["seq"]) == ("SCANNING", snapshot["seq"] + 2)


@pytest.mark.parametrize("after", [-1, 0, 10**17])
async def test_what_cannot_be_resumed_is_a_snapshot_marked_resync(after: int) -> None:
    world = World()
    client = world.client()
    world.hub.subscribe(client, "transitions", after=after)
    (snapshot,) = world.take(client)
    assert snapshot["type"] == "SNAPSHOT"
    assert snapshot["data"]["resync"] is True


async def test_a_number_of_an_earlier_run_is_never_taken_for_this_one() -> None:
    earlier = World()
    client = earlier.client()
    earlier.hub.subscribe(client, "why")
    for serial in range(5_000):
        earlier.engine.refuse("BTC/USDT", serial)
    last = earlier.take(client)[-1]["seq"]
    later = World()
    later.clock.moment_ms += 1_000
    later.hub = Hub(later.engine, later.clock)
    later.engine.publisher = later.hub
    for serial in range(10):
        later.engine.refuse("BTC/USDT", serial)
    back = later.client()
    later.hub.subscribe(back, "why", after=last)
    assert later.take(back)[0]["data"]["resync"] is True


async def test_state_is_conflated_and_events_are_not() -> None:
    world = World()
    client = world.client()
    for topic in ("symbol:BTC/USDT", "alerts"):
        world.hub.subscribe(client, topic)
    world.take(client)
    for price in range(10):
        row = msgspec.structs.replace(
            world.engine.rows["BTC/USDT"], last_price=float(price)
        )
        world.engine.publish("symbol:BTC/USDT", "SYMBOL", row)
        world.engine.alarm(f"alarm {price}")
    taken = world.take(client)
    assert kinds(taken) == ["ALERT"] * 10 + ["SYMBOL"]
    assert taken[-1]["data"]["lastPrice"] == 9.0


async def test_versions_of_a_state_topic_only_rise_even_when_nobody_watched() -> None:
    world = World()
    client = world.client()
    world.hub.subscribe(client, "symbols")
    (first,) = world.take(client)
    world.hub.unsubscribe(client, "symbols")
    world.engine.move("BTC/USDT", 5.0)
    world.hub.subscribe(client, "symbols")
    (second,) = world.take(client)
    assert second["seq"] > first["seq"]
    assert second["data"]["items"][0]["lastPrice"] == 5.0


async def test_a_client_that_fell_behind_is_resynced_and_three_times_is_too_slow(
    autojump_clock: trio.testing.MockClock,
) -> None:
    world = World()
    client = world.client()
    world.hub.subscribe(client, "why")
    world.take(client)
    for times in range(3):
        assert not client.is_too_slow(), f"after {times} resyncs"
        for serial in range(RING_LENGTH + 1):
            world.engine.refuse("BTC/USDT", serial)
        assert kinds(world.take(client)) == ["RESYNC", "SNAPSHOT"]
    assert client.is_too_slow()
    await trio.sleep(61)
    assert not client.is_too_slow()
    assert autojump_clock.autojump_threshold == 0


async def test_a_frame_has_a_limit_and_the_rest_comes_next() -> None:
    world = World()
    client = world.client()
    world.hub.subscribe(client, "why")
    world.take(client)
    for serial in range(300):
        world.engine.refuse("BTC/USDT", serial)
    first = world.take(client)
    assert len(first) == 256
    assert client.wake.is_set()
    assert len(world.take(client)) == 44


async def test_one_fact_is_encoded_once_for_all_clients() -> None:
    world = World()
    clients = [world.client() for _ in range(3)]
    for client in clients:
        world.hub.subscribe(client, "alerts")
        world.take(client)
    world.engine.alarm("hello")
    first, second, third = (world.hub.take(client)[0] for client in clients)
    assert first is second is third


async def test_no_more_than_the_limit_of_clients_and_answers() -> None:
    world = World()
    clients = [world.client(str(number)) for number in range(CLIENTS_MAX)]
    assert world.hub.join(lambda: None) is None
    for _ in range(65):
        clients[0].answer(b"{}")
    assert world.aborted == ["0"]
    world.hub.leave(clients[0])
    assert world.hub.join(lambda: None) is not None


async def test_a_send_older_than_two_seconds_is_aborted(
    autojump_clock: trio.testing.MockClock,
) -> None:
    world = World()
    stuck, well = world.client("stuck"), world.client("well")
    stuck.sending_since = trio.current_time()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(world.hub.run)
        await trio.sleep(1.9)
        assert world.aborted == []
        well.sending_since = trio.current_time()
        await trio.sleep(1.0)
        nursery.cancel_scope.cancel()
    assert world.aborted == ["stuck"]
    assert world.hub.statistics().stuck == 1
    assert autojump_clock.autojump_threshold == 0


async def test_events_wake_at_once_and_then_at_most_twenty_times_a_second(
    autojump_clock: trio.testing.MockClock,
) -> None:
    world = World()
    client = world.client()
    world.hub.subscribe(client, "alerts")
    frames: list[float] = []

    async def read() -> None:
        while True:
            if world.hub.take(client):
                frames.append(trio.current_time())
            await client.wake.wait()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(world.hub.run)
        nursery.start_soon(read)
        await trio.sleep(1)
        frames.clear()
        begun = trio.current_time()
        for _ in range(100):
            world.engine.alarm("again")
            await trio.sleep(0.01)
        nursery.cancel_scope.cancel()
    assert frames[0] == begun
    assert 15 <= len(frames) <= 21
    assert autojump_clock.autojump_threshold == 0


async def test_state_is_polled_ten_times_a_second_only_while_watched(
    autojump_clock: trio.testing.MockClock,
) -> None:
    world = World()
    polls = 0
    status = world.engine.status

    def counted() -> Any:
        nonlocal polls
        polls += 1
        return status()

    world.engine.status = counted  # type: ignore[method-assign]  # counts the port
    client = world.client()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(world.hub.run)
        await trio.sleep(10)
        assert polls == 0
        world.hub.subscribe(client, "engine")
        await trio.sleep(10)
        assert 60 <= polls <= 101
        world.hub.unsubscribe(client, "engine")
        polls = 0
        await trio.sleep(10)
        assert polls == 0
        nursery.cancel_scope.cancel()
    assert autojump_clock.autojump_threshold == 0


@pytest.mark.parametrize("topic", ["alerts", "symbols", "engine", "nothing", ""])
async def test_publishing_anything_to_any_topic_never_raises_on_either_side(
    topic: str,
) -> None:
    world = World()
    client = world.client()
    for watched in ("alerts", "symbols", "engine"):
        world.hub.subscribe(client, watched)
    for body in (None, {"a": float("nan")}, object(), [1], "text"):
        world.hub.publish(Published(topic, "KIND", 0, body))
        world.take(client)


async def test_state_waits_for_the_clients_turn_and_events_do_not() -> None:
    world = World()
    client = world.client()
    for topic in ("symbols", "alerts"):
        world.hub.subscribe(client, topic)
    world.take(client)
    world.engine.move("BTC/USDT", 7.0)
    world.engine.alarm("now")
    for topic in world.hub._states.values():
        topic.poll(world.engine, 1)
    taken = [msgspec.json.decode(item) for item in world.hub.take(client)]
    assert kinds(taken) == ["ALERT"]
    assert kinds(world.take(client)) == ["SYMBOL"]


async def test_what_all_clients_get_alike_is_joined_once() -> None:
    world = World()
    clients = [world.client() for _ in range(3)]
    for client in clients:
        world.hub.subscribe(client, "symbols")
        world.take(client)
    world.engine.move("BTC/USDT", 7.0)
    world.hub._states["symbols"].poll(world.engine, 1)
    texts = []
    for client in clients:
        client.has_state_turn = True
        texts.append(world.hub.frame(world.hub.take(client)))
    assert len({id(text) for text in texts}) == 1


async def test_a_state_topic_carries_what_else_belongs_to_it() -> None:
    world = World()
    client = world.client()
    for topic in ("engine", "risk", "health", "symbol:BTC/USDT"):
        world.hub.subscribe(client, topic)
    engine, risk, health, symbol = (item["data"] for item in world.take(client))
    assert engine["state"]["state"] == "IDLE"
    names = {row["name"] for row in engine["latest"]["COMMANDS"]["commands"]}
    assert {"start", "flatten", "symbol_pause"} <= names
    assert risk["state"]["kill"]["phase"] == "ARMED"
    assert health["state"]["lights"][0]["name"] == "feed"
    assert symbol["state"]["symbol"] == "BTC/USDT"
    assert symbol["latest"]["SYMBOL_DETAIL"]["timeframeMs"] == 60_000


async def test_what_is_dear_to_read_is_read_once_a_second() -> None:
    world = World()
    client = world.client()
    world.hub.subscribe(client, "symbol:BTC/USDT")
    world.take(client)
    topic = world.hub._states["symbol:BTC/USDT"]
    begun = world.clock.moment_ms
    seen = []
    for tenth in range(1, 21):
        world.engine.move("BTC/USDT", float(tenth))
        topic.poll(world.engine, begun + tenth * 100)
        seen += kinds(world.take(client))
    assert seen.count("SYMBOL") == 20
    assert seen.count("SYMBOL_DETAIL") == 2
