"""Live mode as its user meets it: real processes on the toy exchange."""

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import trio

from tests.loopback.live_process import (
    BTC,
    PATIENCE_SECONDS,
    SENTENCE,
    Toy,
    engine,
    eventually,
    toy,
)
from tests.wire.engine_process import EngineProcess, breakout, running

#: Each waits for several things, each of them with patience.
pytestmark = pytest.mark.timeout(900)

STRATEGIES = Path(__file__).parents[1] / "strategies"
RUN = ("--market", "exchange:binanceusdm", "--mode", "live", "--symbols", "3")
CONFIRMED = ("--confirm", SENTENCE)
#: A minute of the market in three seconds or five. What is slow on this machine is so
#: many times as slow to the engine, which closes what has no stop for five seconds.
SPEED, CALM = 20.0, 12.0
FIRST_USD = 60


@pytest.fixture(scope="module")
def slow_toy() -> Iterator[Toy]:
    with toy() as found:
        yield found


@pytest.fixture
def own_toy() -> Iterator[Toy]:
    """One whose patience nobody has used."""
    with toy() as found:
        yield found


@pytest.fixture
def fast_toy() -> Iterator[Toy]:
    with toy(SPEED) as found:
        yield found


@pytest.fixture
def calm_toy() -> Iterator[Toy]:
    with toy(CALM) as found:
        yield found


# --- what is refused ------------------------------------------------------------------


def refused(at: Toy, folder: Path, *words: str, **more: str) -> str:
    """Start live mode, which is refused in one line; gives that line."""
    given = {name: text for name, text in (at.settings() | more).items() if text}
    words = ("run", *RUN, "--port", "0", "--data-dir", str(folder), *words)
    done = breakout(*words, **given)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert at.account["orders"] == []
    return next(line for line in done.stderr.splitlines() if "refused: " in line)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"EXCHANGE_KEY": ""}, "BREAKOUT_EXCHANGE_KEY"),
        ({"LIVE_SYMBOLS": "MOON/USDT:USDT"}, "MOON/USDT:USDT"),
        ({"EXCHANGE_KEY": "loopback-withdraw"}, "live.accept_withdrawal"),
        ({"EXCHANGE_KEY": "loopback-reader"}, "may not trade"),
    ],
    ids=["key", "symbol", "withdrawal", "trade"],
)
def test_what_is_not_as_it_must_be_is_refused(
    slow_toy: Toy, tmp_path: Path, more: dict[str, str], said: str
) -> None:
    given = {f"BREAKOUT_{name}": text for name, text in more.items()}
    assert said in refused(slow_toy, tmp_path, *CONFIRMED, **given)


def test_without_the_sentence_no_exchange_is_even_asked(tmp_path: Path) -> None:
    nowhere = {"BREAKOUT_STREAMS_REST_URL": "http://127.0.0.1:9"}
    more = {"BREAKOUT_LIVE_SYMBOLS": BTC, **nowhere}
    done = breakout("run", *RUN, "--data-dir", str(tmp_path), **more)
    assert done.returncode == 2
    assert f'--confirm "{SENTENCE}"' in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_an_account_in_hedge_mode_is_refused(slow_toy: Toy, tmp_path: Path) -> None:
    mode = "/fapi/v1/positionSide/dual"
    slow_toy.signed("POST", mode, dualSidePosition="true")
    try:
        said = refused(slow_toy, tmp_path, *CONFIRMED)
        assert "live.accept_switch_mode" in said
        assert slow_toy.signed("GET", mode) == {"dualSidePosition": True}
    finally:
        slow_toy.signed("POST", mode, dualSidePosition="false")


# --- a person at the controls ---------------------------------------------------------


async def test_a_start_by_command_takes_the_word_live(
    own_toy: Toy, tmp_path: Path
) -> None:
    key = {"BREAKOUT_EXCHANGE_KEY": "loopback-withdraw"}
    more = own_toy.settings() | key | {"BREAKOUT_LIVE_ACCEPT_WITHDRAWAL": "true"}
    words = (*RUN, *CONFIRMED)
    with running(tmp_path, *words, "--no-start", **more) as live:

        async def start(**args: str) -> Any:
            body = {"preset": "breakout_v1", "mode": "live", **args}
            return (await live.post("/api/engine/start", body)).json

        for args in ({}, {"confirm": "live"}, {"mode": "paper", "confirm": "LIVE"}):
            answer = await start(**args)
            assert not answer["success"], answer
        assert (await live.get("/api/engine/status"))["state"] == "IDLE"
        assert (await start(confirm="LIVE"))["success"]
        assert (await live.get("/api/engine/status"))["mode"] == "live"

        second = breakout(
            "run", *words, "--port", "0", "--data-dir", str(tmp_path), **more
        )
        assert second.returncode == 2
        assert str(live.process.pid) in second.stderr

        found = (await live.get("/api/performance/divergence"))["divergence"]
        assert (found["orders"], found["faults"], found["off"]) == ([], 0, False)
        (gate,) = (await live.get("/api/exchange"))["items"]
        assert (gate["exchange"], gate["breaker"]) == ("binanceusdm", "closed")
        assert gate["requests"] > 10
        assert await live.interrupt(signal.SIGTERM) == 0
    assert (tmp_path / "live-binanceusdm" / "journal.sqlite").exists()


# --- trades ---------------------------------------------------------------------------


async def told(live: EngineProcess, path: str, holds: Callable[[Any], object]) -> Any:
    """Ask until the answer is as wanted; gives the answer."""
    with trio.fail_after(PATIENCE_SECONDS):
        while not holds(answer := await live.get(path)):  # noqa: ASYNC110 - a process
            await trio.sleep(0.2)
        return answer


def bought(at: Toy) -> list[tuple[str, float]]:
    """Each filled entry's symbol and worth, as the exchange has them."""
    rows = [row for row in at.account["orders"] if row["side"] == "BUY"]
    return [
        (r["symbol"], float(r["cumQuote"])) for r in rows if r["status"] == "FILLED"
    ]


async def test_a_live_account_begins_small_trades_what_it_may_and_is_flattened(
    fast_toy: Toy, tmp_path: Path
) -> None:
    to_and_fro = STRATEGIES / "to_and_fro.py"
    first = {"live__first_trades": 2, "live__first_order_usd_max": str(FIRST_USD)}
    with engine(fast_toy, tmp_path, to_and_fro, **first) as live:
        eventually(lambda: any(w > 10 * FIRST_USD for _, w in bought(fast_toy)), live)
        entries = bought(fast_toy)
        assert {name for name, _ in entries} <= {"BTCUSDT", "ETHUSDT"}
        small = [worth for _, worth in entries if worth <= FIRST_USD]
        assert len(small) >= 2
        assert [worth for _, worth in entries[: len(small)]] == small
        assert all(worth > 10 * FIRST_USD for _, worth in entries[len(small) :])
        whys = (await live.get("/api/why?symbol=SOL/USDT:USDT"))["items"]
        assert "not_allowed" in {why["reason"] for why in whys}

        eventually(fast_toy.held, live)
        await live.post("/api/engine/kill-switch", {"reason": "a drill"})
        risk = await told(live, "/api/risk", lambda r: r["kill"]["phase"] == "LATCHED")
        assert "a drill" in risk["kill"]["reason"]
        assert (fast_toy.held(), fast_toy.stops()) == ({}, {})
        before = len(bought(fast_toy))
        await trio.sleep(3 * 60 / SPEED)
        assert len(bought(fast_toy)) == before
    assert fast_toy.account["doubled"] == []


async def test_a_position_outlives_every_end_of_its_engine(
    calm_toy: Toy, tmp_path: Path
) -> None:
    hold_on = STRATEGIES / "hold_on.py"
    with engine(calm_toy, tmp_path, hold_on) as live:
        eventually(lambda: len(calm_toy.stops()) == 2, live)
        await told(
            live,
            "/api/positions",
            lambda d: all(p["stopConfirmed"] for p in d["items"]),
        )
        held = calm_toy.held()
        live.process.kill()
        live.process.wait(PATIENCE_SECONDS)
    assert calm_toy.held() == calm_toy.stops() == held

    with engine(calm_toy, tmp_path, hold_on) as live:
        rows = (await live.get("/api/positions"))["items"]
        assert {row["phase"] for row in rows} == {"RUNNING"}
        sizes = {row["symbol"].partition("/")[0] + "USDT": row["size"] for row in rows}
        assert sizes == held
        await trio.sleep(60 / CALM)
        assert await live.interrupt(signal.SIGTERM) == 0
    assert calm_toy.held() == calm_toy.stops() == held

    with engine(calm_toy, tmp_path, hold_on) as live:
        await live.post(
            "/api/engine/command",
            {"command": "flatten", "args": {"confirm": "FLATTEN"}},
        )
        eventually(lambda: not calm_toy.held() and not calm_toy.stops(), live)
        left_out = {"something was held or resting before": 2}
        path = "/api/performance/divergence"
        await told(live, path, lambda d: d["divergence"]["uncompared"] == left_out)
        assert await live.interrupt() == 0
    assert calm_toy.account["doubled"] == []
    assert len(bought(calm_toy)) == 2
