"""Live mode on spot, where fees are taken from the coin and a stop locks it."""

import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import trio

from tests.loopback.live_process import Toy, engine, eventually, toy
from tests.wire.engine_process import CHECKOUT, EngineProcess

BTC, ETH = "BTC/USDT", "ETH/USDT"
LOTS = {"BTC": Decimal("0.00001"), "ETH": Decimal("0.0001")}
STRATEGY = Path(__file__).parents[1] / "strategies" / "spot_turns.py"
KEPT = ("id", "size", "entry", "sl", "phase", "feesUsd")
SPEED = 12.0
RISING = "6"  # the seed of a market in which ETH rises first


class Coins:
    """The spot account as the exchange has it."""

    def __init__(self, at: Toy) -> None:
        self._told = at.truth["spot"]
        self.orders: list[dict[str, Any]] = self._told["orders"]
        self.doubled: list[str] = self._told["doubled"]

    def free(self, coin: str) -> Decimal:
        return Decimal(self._told["free"].get(coin, "0"))

    def locked(self, coin: str) -> Decimal:
        return Decimal(self._told["locked"].get(coin, "0"))

    def held(self, coin: str) -> Decimal:
        return self.free(coin) + self.locked(coin)

    def of(self, coin: str, kind: str, status: str) -> list[dict[str, Any]]:
        wanted = (f"{coin}USDT", kind, status)
        named = ("symbol", "type", "status")
        return [o for o in self.orders if tuple(o[n] for n in named) == wanted]


@pytest.fixture
def spot_toy() -> Iterator[Toy]:
    with toy(SPEED, 3, "--twins", "--seed", RISING) as found:
        yield found


def preset(folder: Path) -> str:
    """Targets in two steps: the first one near, the second out of reach."""
    shipped = CHECKOUT / "config" / "presets" / "breakout_v1.json"
    rules = json.loads(shipped.read_text())
    rules["name"] = "two_steps"
    legs = [{"level_r": 0.02, "size": 0.5}, {"level_r": 9, "size": 0.5}]
    rules["position_config"]["tp_levels"] = legs
    rules["position_config"]["exit_rules"]["weak_impulse_bars"] = 0
    path = folder / "two_steps.json"
    path.write_text(json.dumps(rules))
    return str(path)


def trading(at: Toy, folder: Path) -> Any:
    wish = {"exchange": "binance", "allowed": (BTC, ETH), "preset": preset(folder)}
    return engine(at, folder, STRATEGY, wish, live__first_trades=200)


async def open_in(live: EngineProcess, symbol: str) -> dict[str, Any]:
    """The engine's position in a symbol, once its stop is confirmed."""

    def protected(told: Any) -> list[dict[str, Any]]:
        mine = (p for p in told["items"] if p["symbol"] == symbol)
        return [p for p in mine if not p["closedAt"] and p["stopConfirmed"]]

    return protected(await until(live, "/api/positions", protected))[0]


async def until(live: EngineProcess, path: str, holds: Callable[[Any], object]) -> Any:
    """Ask until the answer is as wanted; gives the answer."""
    with trio.fail_after(40):
        while not holds(answer := await live.get(path)):  # noqa: ASYNC110 - a process
            await trio.sleep(0.2)
        return answer


def sold(told: Any) -> set[str]:
    """Tell for what the cheap coin was sold."""
    return {o["purpose"] for o in told["items"] if o["symbol"] == ETH and o["filled"]}


def reached(at: Toy) -> bool:
    """Have one trade at the stop of the cheap coin, wherever it is just now."""
    for stop in Coins(at).of("ETH", "STOP_LOSS", "NEW"):
        wick = {"act": "wick", "symbol": "ETHUSDT", "price": stop["stopPrice"]}
        at.ask("POST", "/sim/do", json=wick)
    return bool(Coins(at).of("ETH", "STOP_LOSS", "FILLED"))


def assert_as_the_exchange_has_it(position: dict[str, Any], coins: Coins) -> None:
    """What the fee has left is held; the stop locks its whole lots, no more is free."""
    coin = position["symbol"].partition("/")[0]
    held, lot = coins.held(coin), LOTS[coin]
    (entry,) = coins.of(coin, "LIMIT", "FILLED")
    (stop,) = coins.of(coin, "STOP_LOSS", "NEW")
    assert position["size"] == float(held)
    assert held < Decimal(entry["executedQty"])
    assert coins.locked(coin) == Decimal(stop["origQty"]) == held // lot * lot
    assert 0 < coins.free(coin) < lot


async def assert_sound(live: EngineProcess, at: Toy) -> None:
    """One order for each intent, none refused, and nothing differs."""
    assert Coins(at).doubled == []
    assert "insufficient balance" not in live.output
    assert (await live.get("/api/reconcile"))["items"] == []
    assert "the balance is" not in live.output


async def test_what_a_fee_leaves_is_protected_sold_and_closed_and_outlives_a_crash(
    spot_toy: Toy, tmp_path: Path
) -> None:
    at = spot_toy
    with trading(at, tmp_path) as live:
        eventually(lambda: Coins(at).of("BTC", "STOP_LOSS", "NEW"), live)
        position = await open_in(live, BTC)
        assert_as_the_exchange_has_it(position, Coins(at))
        # The cheap one leaves in two steps: a target at market, then by its stop.
        await until(live, "/api/orders", lambda told: "target_1" in sold(told))
        eventually(lambda: reached(at), live)
        await until(live, "/api/orders", lambda told: "stop" in sold(told))
        ended = [
            p for p in (await live.get("/api/positions"))["items"] if p["closedAt"]
        ]
        assert {p["phase"] for p in ended} == {"DUST"}
        assert "dust" not in {p["reason"] for p in ended}
        live.says("is left and too little to be traded")
        path = "/api/performance/divergence"
        told = await until(live, path, lambda d: d["divergence"]["trades"])
        assert told["divergence"]["uncompared"] == {}
        await assert_sound(live, at)
        live.process.kill()
        live.process.wait(10)

    before = Coins(at)
    with trading(at, tmp_path) as live:
        same = await open_in(live, BTC)
        assert [same[n] for n in KEPT] == [position[n] for n in KEPT]
        assert_as_the_exchange_has_it(position, Coins(at))
        assert Coins(at).of("BTC", "STOP_LOSS", "NEW") == before.of(
            "BTC", "STOP_LOSS", "NEW"
        )
        closing = {"command": "close_position", "args": {"id": position["id"]}}
        answer = await live.post("/api/engine/command", closing)
        assert answer.json["success"], answer
        eventually(lambda: Coins(at).of("BTC", "MARKET", "FILLED"), live)
        (sale,) = Coins(at).of("BTC", "MARKET", "FILLED")
        assert Decimal(sale["executedQty"]) == before.locked("BTC")

        again = await open_in(live, BTC)
        assert again["id"] != position["id"]
        await live.post("/api/engine/kill-switch", {"reason": "a drill"})
        await until(live, "/api/risk", lambda r: r["kill"]["phase"] == "LATCHED")
        after = Coins(at)
        assert all(0 <= after.held(coin) < lot for coin, lot in LOTS.items())
        assert after.locked("BTC") == after.locked("ETH") == 0
        assert not [o for o in after.orders if o["status"] == "NEW"]
        await assert_sound(live, at)
