"""A person's own strategy: loaded from one file, held to its contract."""

import math
from pathlib import Path

import numpy as np
import pytest

from actors.domain.bars import Bars
from actors.domain.errors import StrategyError
from actors.domain.findings import FindingKind, Findings
from actors.domain.strategies.adapter import BarPipeline, BarStrategies
from actors.domain.strategies.base import BarStrategy, Enter, Exit, Side, Window
from actors.domain.strategies.loader import load_strategy
from config.load import load_preset
from tests.strategy_bars import bars_from_closes, context, wandering_bars

INSIDE_BAR = Path(__file__).parents[1] / "strategies" / "inside_bar.py"
PRESET = load_preset("breakout_v1")
RISING = bars_from_closes([100.0 + at for at in range(6)])


def answering(answer: object, *, bars_needed: int = 5) -> type[BarStrategy]:
    """Make a strategy that gives the same answer to every bar."""
    needed = bars_needed

    class Answering(BarStrategy):
        name = "answering"
        bars_needed = needed

        def on_bar(self, window: Window) -> Enter | Exit | None:
            return answer(window) if callable(answer) else answer

    return Answering


def run(
    answer: object, bars: Bars = RISING, *, shortable: bool = True
) -> tuple[BarPipeline, Findings]:
    strategy = BarStrategies(answering(answer), PRESET)
    pipeline = strategy.pipeline(context(shortable=shortable))
    return pipeline, pipeline.advance(bars, 0, len(bars))


def kinds(rows: Findings) -> list[str]:
    return [FindingKind(row["kind"]).name for row in rows]


def test_the_example_finds_the_inside_bars_of_a_market() -> None:
    strategy = load_strategy(str(INSIDE_BAR), PRESET)
    pipeline = strategy.pipeline(context())
    bars = wandering_bars(5, 3000)
    rows = pipeline.advance(bars, 0, len(bars))
    signals = rows[rows["kind"] == FindingKind.SIGNAL]
    assert strategy.name == "inside_bar"
    assert len(signals) == pipeline.funnel()["signals"] > 3
    assert set(pipeline.signal_kinds) == {"inside_bar", "break_up", "break_down"}
    at = int(np.flatnonzero(bars["ts"] + 900_000 == signals["ts"][0])[0])
    assert bars["high"][at - 1] < bars["high"][at - 2]
    assert bars["low"][at - 1] > bars["low"][at - 2]


def test_the_example_fits_in_thirty_lines() -> None:
    assert len(INSIDE_BAR.read_text().splitlines()) <= 30


def test_an_entry_becomes_a_candidate_and_its_signal() -> None:
    wish = Enter(Side.LONG, stop=98.0, target_r=2.0, reason="jump", confidence=0.8)
    pipeline, rows = run(wish)
    assert kinds(rows) == ["CANDIDATE", "SIGNAL"] * 2
    signal = rows[1]
    assert (signal["entry"], signal["stop"], signal["target"]) == (104.0, 98.0, 116.0)
    assert (signal["side"], signal["confidence"], signal["score"]) == (1, 0.8, 0.8)
    assert pipeline.signal_kinds[signal["signal_kind"]] == "jump"
    assert signal["atr"] > 0


def test_without_a_target_the_preset_s_ladder_is_used() -> None:
    _, rows = run(Enter(Side.LONG, stop=98.0))
    assert rows[1]["target"] == 0.0


def test_a_target_price_is_kept() -> None:
    _, rows = run(Enter(Side.SHORT, stop=120.0, target=90.0))
    assert rows[1]["target"] == 90.0
    assert rows[1]["side"] == -1


@pytest.mark.parametrize(
    ("wish", "reason", "value", "threshold"),
    [
        (Enter(Side.LONG, stop=math.nan), "stop_unknown", math.nan, 104.0),
        (Enter(Side.LONG, stop=math.inf), "stop_unknown", math.inf, 104.0),
        (Enter(Side.LONG, stop=104.0), "stop_side", 104.0, 104.0),
        (Enter(Side.LONG, stop=-1.0), "stop_side", -1.0, 104.0),
        (Enter(Side.SHORT, stop=103.0), "stop_side", 103.0, 104.0),
        (Enter(Side.LONG, stop=98.0, target=104.0), "target_side", 104.0, 104.0),
        (Enter(Side.SHORT, stop=110.0, target=-5.0), "target_side", -5.0, 104.0),
        (Enter(Side.LONG, stop=98.0, target=math.nan), "target_side", math.nan, 104.0),
        (Enter(Side.LONG, stop=98.0, target_r=-1.0), "target_side", 98.0, 104.0),
    ],
)
def test_a_broken_entry_is_a_why_not_with_the_value(
    wish: Enter, reason: str, value: float, threshold: float
) -> None:
    pipeline, rows = run(wish, RISING[:5])
    assert kinds(rows) == ["CANDIDATE", "WHYNOT"]
    assert pipeline.reasons[rows[1]["reason"]] == reason
    assert rows[1]["value"] == pytest.approx(value, nan_ok=True)
    assert rows[1]["threshold"] == threshold
    assert pipeline.funnel()[f"dropped_{reason}"] == 1


def test_a_short_is_refused_where_shorts_are_not_allowed() -> None:
    pipeline, rows = run(Enter(Side.SHORT, stop=110.0), shortable=False)
    assert pipeline.reasons[rows[1]["reason"]] == "not_shortable"


def test_an_exit_names_its_side_and_reason() -> None:
    pipeline, rows = run(Exit(Side.LONG, "tired"))
    assert kinds(rows) == ["EXIT", "EXIT"]
    assert rows[0]["side"] == 1
    assert pipeline.reasons[rows[0]["reason"]] == "tired"


def test_no_answer_is_counted_and_gives_no_row() -> None:
    pipeline, rows = run(None)
    assert len(rows) == 0
    assert pipeline.funnel()["dropped_no_signal"] == 2


def test_an_answer_of_another_kind_is_a_strategy_error() -> None:
    with pytest.raises(StrategyError, match="on_bar gave 'buy'; it must give Enter"):
        run("buy")


def test_ever_new_reasons_are_a_strategy_error() -> None:
    bars = bars_from_closes([100.0 + at for at in range(100)])
    with pytest.raises(StrategyError, match="is one more than 64 different ones"):
        run(lambda window: Exit(Side.LONG, f"at {window.close[-1]}"), bars)


def test_two_targets_are_a_strategy_error() -> None:
    with pytest.raises(StrategyError, match="target 9 and target_r 2; one of them"):
        Enter(Side.LONG, stop=1.0, target=9, target_r=2)
    with pytest.raises(StrategyError, match="confidence 2; it must be 0 to 1"):
        Enter(Side.LONG, stop=1.0, confidence=2)


def test_a_window_holds_the_newest_bars_oldest_first() -> None:
    seen: list[list[float]] = []
    run(lambda window: seen.append(window.close.tolist()))
    assert seen == [[100.0, 101.0, 102.0, 103.0, 104.0], [101.0, 102.0, 103, 104, 105]]


def test_a_window_s_columns_belong_together() -> None:
    seen: list[tuple[float, ...]] = []

    def ask(window: Window) -> None:
        newest = (window.open[-1], window.high[-1], window.low[-1], window.volume[-1])
        seen.append((len(window), int(window.ts[-1]), *newest))

    run(ask, RISING[:5])
    assert seen == [(5, int(RISING["ts"][4]), 103.0, 104.1, 102.9, 100.0)]


def test_a_window_stays_whole_when_the_ring_wraps() -> None:
    seen: list[float] = []
    bars = wandering_bars(1, 1030)
    run(lambda window: seen.append(float(window.close[0])), bars)
    assert seen == bars["close"][:-4].tolist()


def test_a_window_cannot_be_written() -> None:
    def write(window: Window) -> None:
        window.close[-1] = 1.0

    with pytest.raises(ValueError, match="read-only"):
        run(write)


def test_averages_longer_than_the_window_are_unknown() -> None:
    seen: list[float] = []

    def ask(window: Window) -> None:
        seen.extend((window.sma(6), window.ema(6), window.rsi(5), window.atr(6)))

    run(ask)
    assert all(math.isnan(value) for value in seen)


def test_averages_of_a_window_are_the_plain_ones() -> None:
    seen: list[float] = []

    def ask(window: Window) -> None:
        seen.extend((window.sma(2), window.ema(3), window.rsi(4), window.atr(4)))

    run(ask, RISING[:5])
    # Rising by 1 a bar: the mean of 103 and 104; 101, then half way to each close.
    assert seen == pytest.approx(
        [103.5, 103.0, 100.0, (0.2 + 1.2 * 3) / 4 * 0.75 + 0.3]
    )


def written(folder: Path, text: str) -> str:
    path = folder / "mine.py"
    path.write_text(text)
    return str(path)


HEAD = "from actors.domain.strategies.base import BarStrategy\n"
GOOD = 'class A(BarStrategy):\n    name = "a"\n    def on_bar(self, window): pass\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = (", r"mine\.py:1: '\(' was never closed; correct the syntax there"),
        (HEAD, r"mine\.py: it defines 0 subclasses of BarStrategy \(none\)"),
        (
            HEAD + GOOD + GOOD.replace("A(", "B("),
            r"mine\.py: it defines 2 .*\(A in line 2, B in line 5\); exactly 1",
        ),
        ("x = 1\ny = z\n", r"mine\.py:2: NameError: name 'z' is not defined"),
        ("import no_such_module\n", r"mine\.py:1: ModuleNotFoundError"),
        (HEAD + GOOD.replace('"a"', '"A b"'), r"A in line 2: name is 'A b'; it must"),
        (HEAD + GOOD.replace('    name = "a"\n', ""), r"A in line 2: name is None"),
        (
            HEAD + GOOD + "    bars_needed = 2000\n",
            r"A in line 2: bars_needed is 2000; it must be 2 to 1000",
        ),
        (
            HEAD + GOOD.replace("on_bar", "on_tick"),
            r"A in line 2: it has no on_bar\(self, window\); write one",
        ),
    ],
)
def test_a_file_that_is_no_strategy_is_refused(
    tmp_path: Path, text: str, message: str
) -> None:
    with pytest.raises(StrategyError, match=message):
        load_strategy(written(tmp_path, text), PRESET)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StrategyError, match=r"none\.py cannot be read: No such file"):
        load_strategy(str(tmp_path / "none.py"), PRESET)


def test_a_good_file_becomes_a_strategy(tmp_path: Path) -> None:
    assert load_strategy(written(tmp_path, HEAD + GOOD), PRESET).name == "a"


@pytest.mark.parametrize("name", ["breakout", "donchian", "ema_rsi"])
def test_our_own_strategies_are_known_by_name(name: str) -> None:
    assert load_strategy(name, PRESET).name == name


def test_an_unknown_name_lists_what_exists() -> None:
    with pytest.raises(StrategyError, match="no strategy 'macd'; choose one of breako"):
        load_strategy("macd", PRESET)
