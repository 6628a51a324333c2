"""A piece of a live day, faults on; and the judge, which finds whatever is broken."""

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path

import msgspec
import pytest
import trio

from tests.live_day.day import Chosen, live_day
from tests.live_day.judge import Day, judge

Harm = Callable[[Day], Day]


def changed(day: Day, **fields: object) -> Day:
    return msgspec.structs.replace(day, **fields)


def one_more(day: Day, name: str, times: int) -> Day:
    truth = deepcopy(day.truth)
    truth[day.venue]["intents"][name] = times
    return changed(day, truth=truth)


def without_a_fill(day: Day) -> Day:
    truth = deepcopy(day.truth)
    truth[day.venue]["fills"].pop()
    return changed(day, truth=truth)


def held(day: Day) -> Day:
    truth = deepcopy(day.truth)
    native = next(iter(day.natives.values()))
    truth["usdm"]["positions"].append({"symbol": native, "positionAmt": "0.12345"})
    return changed(day, truth=truth)


def bare(day: Day) -> Day:
    gap = {"symbol": "BTCUSDT", "fromMs": 0, "toMs": 61_000}
    return changed(day, truth=day.truth | {"bare": [gap]})


def refused(day: Day) -> Day:
    limits = {"usdm": {"earned429": 1, "earned418": 0}}
    return changed(day, status=day.status | {"limits": limits})


HARMS: dict[str, Harm] = {
    "order taken twice": lambda day: one_more(day, first_order(day), 2),
    "order without an intent": lambda day: one_more(day, "of-nobody", 1),
    "fills differ": without_a_fill,
    "position differs": held,
    "without a stop": bare,
    "too many requests": refused,
    "rows lost": lambda day: changed(day, rows=day.rows[:5] + day.rows[6:]),
    "memory grows": lambda day: changed(day, rss_mb=[100.0] * 8 + [150.0] * 8),
}


def first_order(day: Day) -> str:
    return str(next(iter(day.truth[day.venue]["intents"])))


@pytest.mark.slow
def test_a_piece_of_a_day_breaks_no_rule_and_whatever_is_broken_is_found(
    tmp_path: Path,
) -> None:
    # Trades every third minute; donchian would need hours for as many orders.
    strategy = str(Path(__file__).parents[1] / "strategies" / "to_and_fro.py")
    chosen = Chosen(
        folder=tmp_path, hours=0.25, symbols=12, speed=15.0, strategy=strategy
    )
    day, told = trio.run(live_day, chosen)
    assert told["broken"] == []
    assert told["fills"] > 4
    assert told["orders_per_intent_most"] == 1
    assert sum(told["faults"].values()) > 20
    for rule, harm in HARMS.items():
        assert any(found.startswith(rule) for found in judge(harm(day))), rule
