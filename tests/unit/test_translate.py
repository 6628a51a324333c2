"""From rows to messages: grids, directions, UNKNOWN, and the same ids every time."""

import math
from decimal import Decimal
from typing import Any

import msgspec
import numpy as np
import pytest

from actors.domain.findings import FINDING, FindingKind
from actors.domain.findings import Findings as Rows
from actors.domain.messages import (
    Armed,
    Candidate,
    Disarmed,
    ExitSignal,
    Findings,
    LevelsBuilt,
    Signal,
    WhyNot,
)
from actors.domain.orders import Side
from actors.domain.translate import Translator
from config.preset import TargetMode
from tests.presets import breakout_v1, changed, instrument
from tests.trades import SYMBOL

D = Decimal
TS = 1_700_000_100_000


class Silent:
    """Of a pipeline only its names are asked."""

    reasons = ("", "depth_unknown", "spread_unknown", "body_ratio", "crossed")
    signal_kinds = ("momentum", "retest")


def row(kind: FindingKind, **fields: Any) -> Rows:
    """One row, whose floats nobody knows but those that are given."""
    rows = np.zeros(1, FINDING)
    for name in (
        "value",
        "threshold",
        "level",
        "opposite_depth_usd",
        "exit_depth_usd",
        "spread_bps",
    ):
        rows[name] = math.nan
    rows["obstacles"] = math.nan
    rows["kind"], rows["ts"] = kind, TS
    for name, value in fields.items():
        rows[name] = value
    return rows


def signal_row(side: Side = Side.LONG, **fields: Any) -> Rows:
    given = {"side": side.sign, "entry": 100.0, "stop": 100.0 - 2 * side.sign}
    rest = {"atr": 1.25, "confidence": 0.5, "score": 2.0}
    return row(FindingKind.SIGNAL, **(given | rest | fields))


def translator(tick: str = "0.01", strategy: str = "breakout") -> Translator:
    one = msgspec.structs.replace(instrument(), tick_size=D(tick))
    return Translator(Silent(), one, breakout_v1(), strategy)


def only(rows: Rows, tick: str = "0.01") -> Any:
    found = translator(tick).findings(rows)
    assert (found.symbol, found.ts_ms, len(found.items)) == (SYMBOL, TS, 1)
    return found.items[0]


def made(rows: Rows, tick: str = "0.01") -> Signal:
    found = only(rows, tick)
    assert isinstance(found, Signal)
    return found


def test_a_candidate_has_its_score_and_the_filters_that_were_skipped() -> None:
    found = only(row(FindingKind.CANDIDATE, score=1.5, notes=0b110))
    assert isinstance(found, Candidate)
    assert (found.score, found.notes) == (1.5, ("depth_unknown", "spread_unknown"))


def test_levels_are_counted() -> None:
    found = only(row(FindingKind.LEVELS, value=4.0))
    assert isinstance(found, LevelsBuilt)
    assert found.count == 4


@pytest.mark.parametrize("side", Side)
def test_an_armed_symbol_names_its_level_on_the_grid(side: Side) -> None:
    found = only(row(FindingKind.ARMED, level_id=7, level=100.004, side=side.sign))
    assert isinstance(found, Armed)
    assert (found.level_id, found.level, found.side) == (7, D("100.00"), side)


def test_a_disarmed_symbol_says_why() -> None:
    assert only(row(FindingKind.DISARMED, reason=4)) == Disarmed("crossed")


@pytest.mark.parametrize("side", Side)
def test_an_exit_names_its_side_and_reason(side: Side) -> None:
    found = only(row(FindingKind.EXIT, side=side.sign, reason=4))
    assert found == ExitSignal(side, "crossed")


def test_a_whynot_has_one_reason_with_value_and_threshold() -> None:
    found = only(row(FindingKind.WHYNOT, reason=3, value=0.123456789, threshold=0.3))
    assert isinstance(found, WhyNot)
    assert (found.stage, found.reason) == ("signal", "body_ratio")
    assert (found.value, found.threshold) == ("0.12345679", "0.3")


def test_an_unknown_value_is_told_as_unknown() -> None:
    found = only(row(FindingKind.WHYNOT, reason=1))
    assert (found.value, found.threshold) == ("UNKNOWN", "UNKNOWN")


@pytest.mark.parametrize("side", Side)
def test_a_signal_is_complete(side: Side) -> None:
    found = made(
        signal_row(
            side,
            signal_kind=1,
            level=99.9,
            opposite_depth_usd=5_000.5,
            spread_bps=1.25,
        )
    )
    assert (found.symbol, found.ts_ms, found.side) == (SYMBOL, TS, side)
    assert (found.kind, found.level, found.atr) == ("retest", D("99.9"), D("1.25"))
    assert (found.entry, found.stop) == (100, D(100) - 2 * side.sign)
    assert (found.opposite_depth_usd, found.spread_bps) == (D("5000.5"), D("1.25"))
    assert (found.confidence, found.score) == (0.5, 2.0)
    assert found.stamps == (("scan", TS), ("levels", TS), ("signal", TS))


def test_what_is_unknown_never_becomes_money() -> None:
    found = made(signal_row())
    assert (found.level, found.opposite_depth_usd, found.spread_bps) == (None,) * 3


@pytest.mark.parametrize(
    ("side", "stop", "rounded"),
    [(Side.LONG, 98.019, "98.01"), (Side.SHORT, 101.981, "101.99")],
)
def test_a_stop_is_rounded_away_from_entry(
    side: Side, stop: float, rounded: str
) -> None:
    assert made(signal_row(side, stop=stop)).stop == D(rounded)


@pytest.mark.parametrize("side", Side)
def test_a_stop_within_a_tick_is_a_tick_away(side: Side) -> None:
    """Rounded away, the stop meets the entry; a tick is the least distance."""
    entry, stop = 100 + 0.3 * side.sign, 100 + 0.2 * side.sign
    found = made(signal_row(side, entry=entry, stop=stop), "1")
    assert (found.entry, found.stop) == (100, 100 - side.sign)


@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize(("step", "stop"), [(0.0, "100"), (0.5, None), (math.nan, "")])
def test_a_stop_that_is_not_away_from_entry_is_a_whynot(
    side: Side, step: float, stop: str | None
) -> None:
    """On the entry, on its wrong side, UNKNOWN: none is rounded into a stop."""
    found = only(signal_row(side, stop=100.0 + step * side.sign))
    assert isinstance(found, WhyNot)
    assert (found.stage, found.reason) == ("signal", "stop_distance")
    wrong = "100.5" if side is Side.LONG else "99.5"
    told = "UNKNOWN" if stop == "" else stop or wrong
    assert (found.value, found.threshold) == (told, "100")


@pytest.mark.parametrize("stop", [-1.0, 0.0, 0.004])
def test_a_long_stop_at_or_under_zero_is_a_whynot(stop: float) -> None:
    found = only(signal_row(stop=stop))
    assert isinstance(found, WhyNot)
    assert found.reason == "stop_distance"


@pytest.mark.parametrize("side", Side)
def test_a_price_that_the_tick_rounds_to_nothing_is_a_whynot(side: Side) -> None:
    found = only(signal_row(side, entry=0.3, stop=0.3 - 0.1 * side.sign), "1")
    assert isinstance(found, WhyNot)
    assert (found.reason, found.threshold) == ("stop_distance", "0")


def test_a_signal_without_a_known_atr_is_a_whynot() -> None:
    found = only(signal_row(atr=math.nan))
    assert isinstance(found, WhyNot)
    assert (found.reason, found.value) == ("atr_unknown", "UNKNOWN")


def test_without_a_target_of_its_own_the_presets_ladder_stands() -> None:
    assert made(signal_row()).targets == ((D(103), D("0.4")),)


@pytest.mark.parametrize("side", Side)
def test_a_strategys_own_target_stands_alone_for_all_of_the_size(side: Side) -> None:
    found = made(signal_row(side, target=100.0 + 4.444 * side.sign))
    assert found.targets == ((D(100) + D("4.44") * side.sign, D(1)),)


@pytest.mark.parametrize("side", Side)
def test_a_target_that_rounds_onto_the_entry_is_a_tick_beyond_it(side: Side) -> None:
    found = made(signal_row(side, target=100.0 + 0.2 * side.sign), "1")
    assert found.targets == ((D(100) + side.sign, D(1)),)


def test_obstacles_reach_a_smart_ladder_and_unknown_ones_do_not() -> None:
    smart = changed(breakout_v1(), "position_config.tp_mode", TargetMode.SMART)
    rows = signal_row(obstacles=[103.1, math.nan, math.nan, math.nan])
    one = Translator(Silent(), instrument(), smart, "breakout")
    found = one.findings(rows).items[0]
    assert isinstance(found, Signal)
    assert found.targets == ((D("102.9454"), D("0.4")),)


def test_the_same_rows_give_the_same_message_in_every_run() -> None:
    rows = np.concatenate([row(FindingKind.CANDIDATE), signal_row()])
    first, second = translator().findings(rows), translator().findings(rows)
    assert first == second
    candidate, found = first.items
    assert isinstance(candidate, Candidate)
    assert isinstance(found, Signal)
    assert candidate.correlation == found.correlation


@pytest.mark.parametrize("other", [{"ts": TS + 1}, {}])
def test_another_bar_or_strategy_is_another_id(other: dict[str, int]) -> None:
    mine = translator().findings(row(FindingKind.CANDIDATE))
    theirs = translator(strategy="breakout" if other else "donchian").findings(
        row(FindingKind.CANDIDATE, **other)
    )
    assert mine.items != theirs.items


def test_the_items_keep_the_order_of_their_rows() -> None:
    kinds = (FindingKind.CANDIDATE, FindingKind.LEVELS, FindingKind.WHYNOT)
    rows = np.concatenate([row(kind, value=1.0) for kind in kinds])
    found = translator().findings(rows)
    assert isinstance(found, Findings)
    assert [type(item) for item in found.items] == [Candidate, LevelsBuilt, WhyNot]
