"""The same seed and the same acts at the same moments are the same exchange."""

from typing import Any

import msgspec

from actors.loopback.acts import Acts
from actors.loopback.faults.menu import Fault
from actors.loopback.floor.grid import BUY, SELL
from actors.loopback.truth import Witness
from tests.loopback.venue import MINUTE_MS, Floor


def lived(seed: int) -> tuple[bytes, list[Any]]:
    """Live half an hour with orders, stops, faults and other people."""
    faults = {
        "foreign_order": Fault(chance=0.2),
        "manual_close": Fault(chance=0.2),
        "stop_stuck": Fault(chance=0.3),
    }
    floor = Floor(seed=seed, symbols=4, faults=faults)
    exchange = floor.exchange
    acts = Acts(exchange)
    witness = Witness(exchange, acts)
    exchange.tell_order, exchange.tell_conditional = witness.order, witness.conditional
    for number in range(30):
        symbol = ("BTCUSDT", "ETHUSDT")[number % 2]
        size = ("0.01", "0.2")[number % 2]
        if floor.held(symbol) == 0:
            floor.place(BUY, "MARKET", size, symbol=symbol, client_id=f"e{number}")
            more = {"symbol": symbol, "client_id": f"s{number}"}
            floor.stop(SELL, size, -100, **more)
        floor.place(BUY, "LIMIT", size, ticks=-30, symbol=symbol)
        floor.go(MINUTE_MS)
    tops = [
        pit.book.top(side, 50) for pit in exchange.pits.values() for side in (1, -1)
    ]
    return msgspec.json.encode(witness.tell()), tops


def test_the_same_seed_is_the_same_truth_to_the_last_byte() -> None:
    first, second = lived(11), lived(11)
    assert first == second
    told = msgspec.json.decode(first[0])["usdm"]
    assert len(told["fills"]) > 20
    assert {one["source"] for one in told["orders"]} == {"api", "person"}


def test_another_seed_is_another_market() -> None:
    assert lived(11) != lived(12)
