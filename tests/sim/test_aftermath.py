"""What a refused signal would have made is followed by its own stop and targets."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from trio.testing import MockClock

from actors import aftermath
from tests.sim.script import signal
from tests.sim.world import A, B, C, Stage, World, living, preset

CALM = [100.0] * 7
#: A fills the one slot before; R is 5 in price, and a bar's range adds 0.05.
PATHS = {
    "stopped": ([99, 97, 95, 120], -1.0),
    "gapped": ([99, 90], -2.0),
    "target": ([102, 105.5, 99, 100], 1.0),
    "still open": ([101, 103], 0.6),
    "both in a bar": ([100], -1.0),
}


def refusing(path: list[float]) -> World:
    later = [*path, *[path[-1]] * 40]
    script = {(A, 4): signal(stop=90.0), (B, 6): signal(stop=95.0, target=105.0)}
    world = World(script, closes={B: [*CALM, *later]})
    world.preset = preset(risk__max_concurrent_positions=1)
    return world


async def afterwards(stage: Stage, symbol: str = B) -> Any:
    rows = await stage.engine.archive.decisions(symbol, 10)
    refused = [row for row in rows if row.stage == "limits"]
    assert [row.reason for row in refused] == ["max_positions"]
    return refused[0].afterwards_r


@pytest.mark.parametrize("name", PATHS)
async def test_an_idea_is_followed_to_its_stop_or_target(
    tmp_path: Path, autojump_clock: MockClock, name: str
) -> None:
    path, expected = PATHS[name]
    world = refusing([float(close) for close in path])
    bars = world.bars[B]
    if name == "gapped":
        bars["open"][8] = bars["high"][8] = 90.0
    elif name == "both in a bar":
        bars["high"][7], bars["low"][7] = 106.0, 94.0
    async with living(world, tmp_path) as stage:
        await stage.bar(12)
        await stage.engine.journal.commit()
        assert await afterwards(stage) == pytest.approx(expected)
        kinds = [marker.kind for marker in stage.view.markers(B)]
        assert kinds == ["signal"]


async def test_a_ladder_is_taken_leg_by_leg_and_the_rest_goes_on(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    world = refusing([111.0, 111.0])
    world.script[B, 6] = signal(stop=95.0)  # the ladder of the preset
    async with living(world, tmp_path) as stage:
        await stage.bar(10)
        await stage.engine.journal.commit()
        (idea,) = stage.engine.aftermath.refused(B)
        hit = [(p, f) for p, f in idea.targets if p <= Decimal("111.05")]
        left = 1 - sum(float(f) for _, f in hit)
        expected = sum(float(f * (p - 100) / 5) for p, f in hit) + left * 11 / 5
        assert hit
        assert await afterwards(stage) == pytest.approx(expected)


async def test_a_short_idea_gains_where_the_price_falls(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    world = refusing([98.0, 96.0])
    world.script[B, 6] = signal(side=-1, stop=105.0, target=90.0)
    async with living(world, tmp_path) as stage:
        await stage.bar(10)
        await stage.engine.journal.commit()
        assert await afterwards(stage) == pytest.approx(0.8)


async def test_what_is_not_followed_any_more_is_unknown(
    tmp_path: Path, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aftermath, "FOLLOWED_MAX", 1)
    world = refusing([101.0])
    world.script[C, 8] = signal()
    async with living(world, tmp_path) as stage:
        await stage.bar(7)
        await stage.engine.journal.commit()
        assert await afterwards(stage, B) is not None
        await stage.bar(12)
        await stage.engine.journal.commit()
        assert await afterwards(stage, B) is None
        assert await afterwards(stage, C) is not None


async def test_a_trade_that_was_made_has_no_aftermath(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with living(refusing([101.0]), tmp_path) as stage:
        await stage.bar(12)
        await stage.engine.journal.commit()
        rows = await stage.engine.archive.decisions(A, 10)
        assert {row.afterwards_r for row in rows} == {None}


async def test_an_idea_goes_on_by_itself_when_nobody_asks(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    world = refusing([101.0] * 120)
    world.bars |= {name: World(bars=130).bars[name] for name in (A, C)}
    async with living(world, tmp_path) as stage:
        await stage.bar(125)
        (idea,) = stage.engine.aftermath._following.values()
        assert idea.seen
        assert idea.upto_ms > idea.signal.ts_ms + 3_000_000
