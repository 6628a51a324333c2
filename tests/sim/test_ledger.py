"""Reasons add up: no candidate and no signal is lost, in rows and in counters."""

from collections import Counter
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest
from trio.testing import MockClock

from actors.journal import Kind
from tests.sim.script import armed, disarmed, leave, signal, whynot
from tests.sim.world import SYMBOLS, Stage, World, living, preset

BARS = 80


def market(seed: int) -> World:
    """Symbols that signal a lot, into limits that refuse a lot; halts fail some."""
    random = Random(seed)
    choices = [
        signal(stop=97.0),
        signal(-1, stop=103.0),
        signal() + signal(-1, stop=103.0),
        whynot(),
        armed(),
        disarmed() + leave(),
        leave(-1),
    ]
    script = {
        (symbol, bar): random.choice(choices)
        for symbol in SYMBOLS
        for bar in range(2, BARS)
    }
    path = [100.0]
    while len(path) < BARS:
        path.append(round(min(max(path[-1] + random.uniform(-2, 2), 80), 120), 2))
    world = World(script, closes=dict.fromkeys(SYMBOLS, path), bars=BARS)
    keep = [bar for bar in range(BARS) if bar % 9 < 7]
    world.bars[SYMBOLS[0]] = world.bars[SYMBOLS[0]][keep]
    world.preset = preset(
        risk__max_concurrent_positions=2,
        risk__max_consecutive_losses=6,
        risk__max_position_size_usd=Decimal(3000),
        execution_config__entry_band_bps=Decimal(1),
    )
    return world


async def decisions(stage: Stage) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = await stage.bodies(Kind.DECISION)
    return rows


@pytest.mark.parametrize("seed", range(4))
async def test_reasons_add_up_to_candidates_and_signals(
    tmp_path: Path, autojump_clock: MockClock, seed: int
) -> None:
    async with living(market(seed), tmp_path) as stage:
        await stage.bar(BARS - 3)
        rows, counts = await decisions(stage), stage.state.counts
        in_flight = sum(o.purpose == "entry" for o in stage.state.book.orders.values())
        outcomes = Counter(row["outcome"] for row in rows)
        assert min(outcomes[name] for name in ("signal", "whynot", "refused")) > 5
        assert outcomes["failed"] > 0

        ended = outcomes["signal"] + outcomes["whynot"]
        assert counts["candidates_signal"] == outcomes["signal"] == counts["signals"]
        assert counts["candidates_whynot"] == outcomes["whynot"]
        assert ended == counts["candidates"]

        opened = {p["correlation"] for p in await stage.bodies(Kind.POSITION)}
        assert counts["entries"] == len(opened)
        assert counts["entries_failed"] == outcomes["failed"]
        spent = counts["entries"] + outcomes["refused"] + outcomes["failed"]
        assert outcomes["signal"] == spent + in_flight

        named = outcomes["whynot"] + outcomes["refused"] + outcomes["failed"]
        assert sum(stage.state.reasons.values()) == named


@pytest.mark.parametrize("seed", range(2))
async def test_every_end_has_one_reason_a_value_and_a_threshold(
    tmp_path: Path, autojump_clock: MockClock, seed: int
) -> None:
    async with living(market(seed), tmp_path) as stage:
        await stage.over()
        for row in await decisions(stage):
            found = row["finding"]
            if row["outcome"] == "signal":
                assert "reason" not in found
                continue
            assert found["stage"]
            assert found["reason"]
            assert found["value"] != ""
            assert found["threshold"] != ""


async def test_the_ledger_shows_every_stages_reasons(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(market(1), tmp_path) as stage:
        await stage.over()
        why = stage.view.why(None, 10_000)
        assert {row.reason for row in why} >= {"too_quiet", "duplicate_position"}
        symbol = SYMBOLS[1]
        assert {row.symbol for row in stage.view.why(symbol, 10_000)} == {symbol}
