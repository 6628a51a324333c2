"""What a published fact costs the engine, with nobody and with a full house.

`python -m tests.bench.hub` prints JSON: microseconds for one publish, and CPU for one
delivered envelope when 32 clients take everything.
"""

import json
import time

import trio

from actors.domain.messages import Published
from control.live.hub import CLIENTS_MAX, Hub
from tests.engines import InMemoryEngine, TestClock, order

FACTS = 20_000
BATCH = 200


def publish_microseconds(hub: Hub, fact: Published) -> float:
    begun = time.process_time_ns()
    for _ in range(FACTS):
        hub.publish(fact)
    return (time.process_time_ns() - begun) / FACTS / 1_000


async def measure() -> dict[str, float]:
    clock = TestClock()
    hub = Hub(InMemoryEngine(clock), clock)
    fact = Published("orders", "ORDER_UPDATED", 1, order(1))
    alone = publish_microseconds(hub, fact)
    clients = [hub.join(lambda: None) for _ in range(CLIENTS_MAX)]
    for client in clients:
        assert client is not None
        hub.subscribe(client, "orders")
        hub.take(client)
    watched = publish_microseconds(hub, fact)
    for client in clients:
        assert client is not None
        hub.subscribe(client, "orders")
        hub.take(client)
    begun = time.process_time_ns()
    delivered = 0
    for _ in range(20):
        for _ in range(BATCH):
            hub.publish(fact)
        for client in clients:
            assert client is not None
            delivered += len(hub.take(client))
    took = (time.process_time_ns() - begun) / delivered / 1_000
    return {
        "publish_us_nobody": round(alone, 3),
        "publish_us_32_clients": round(watched, 3),
        "delivered_envelope_us": round(took, 3),
    }


if __name__ == "__main__":
    print(json.dumps(trio.run(measure)))
