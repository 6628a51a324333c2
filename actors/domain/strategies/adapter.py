"""Runs a person's own strategy as a pipeline, and holds it to its contract.

A stop that is UNKNOWN or on the wrong side of the entry, and a target on the wrong
side, end as a why-not with the value. An answer that is no answer at all, or more
different reasons than can be counted, is a StrategyError: the symbol's actor fails,
alone, and says so.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from actors.domain.bars import Bars
from actors.domain.errors import StrategyError
from actors.domain.findings import FINDING, Findings, SymbolContext
from actors.domain.kernel.compiled import entry, fingerprint
from actors.domain.kernel.record import Records
from actors.domain.orders import Side
from actors.domain.strategies import frame
from actors.domain.strategies.base import BarStrategy, Enter, Exit
from actors.domain.strategies.compiled import CompiledPipeline, warmup_ms
from actors.domain.strategies.window import Window
from config.preset import Preset

#: Why an entry was refused; a person's own reasons for exits come after these.
REASONS = ("", "no_signal", "stop_unknown", "stop_side", "target_side", "not_shortable")
NO_SIGNAL, STOP_UNKNOWN, STOP_SIDE, TARGET_SIDE, NOT_SHORTABLE = 1, 2, 3, 4, 5
NAMES_MAX = 64

_BLANK = np.zeros(1, FINDING)
for _name in ("value", "threshold", "level", "entry", "stop", "confidence"):
    _BLANK[_name] = math.nan
_BLANK["obstacles"] = math.nan


def _make(version: str) -> Callable[[Records, Records, Bars, int], bool]:
    @entry
    def take(states: Records, params: Records, bars: Bars, at: int) -> bool:
        """Take one market bar; True when it closed a pipeline bar on time."""
        assert len(version) > 0  # closes over the version: see `kernel.compiled`
        return frame.take_bar(states[0], params[0], bars[at])

    return take


_take = _make(fingerprint())


class BarStrategies:
    """Makes a pipeline, with an instance of the strategy, for each symbol."""

    def __init__(self, kind: type[BarStrategy], preset: Preset) -> None:
        self.name = kind.name
        # Twice as long as is needed, so that gaps leave enough bars.
        self.warmup_ms = warmup_ms(preset, 2 * kind.bars_needed)
        self._kind = kind
        self._preset = preset

    def pipeline(self, context: SymbolContext) -> "BarPipeline":
        """Make the pipeline of one symbol."""
        return BarPipeline(self._kind(), frame.new_params(self._preset, context))


class BarPipeline(CompiledPipeline):
    """One symbol's pipeline around one instance of a person's strategy."""

    def __init__(self, strategy: BarStrategy, params: Records) -> None:
        super().__init__(strategy.name, self._walk, params, REASONS)
        self._strategy = strategy
        self._count = 0

    def _walk(
        self,
        states: Records,
        params: Records,
        bars: Bars,
        start: int,
        stop: int,
        out: Findings,
    ) -> int:
        self._count = 0
        needed = self._strategy.bars_needed
        for at in range(start, stop):
            if _take(states, params, bars, at) and states[0]["end"] >= needed:
                self._evaluate(out)
        return self._count

    def _evaluate(self, out: Findings) -> None:
        state = self._states[0]
        state["evaluated"] += 1
        window = Window(state, self._strategy.bars_needed)
        match self._strategy.on_bar(window):
            case Enter() as wish:
                self._enter(out, wish)
            case Exit(side=side, reason=reason):
                row = self._row(out, frame.EXIT, side)
                self.reasons, row["reason"] = _placed(self.reasons, reason)
            case None:
                self._drop(NO_SIGNAL, math.nan, math.nan)
            case answer:
                msg = (
                    f"strategy {self._strategy.name}: on_bar gave {answer!r}; it must "
                    "give Enter, Exit or None"
                )
                raise StrategyError(msg)

    def _enter(self, out: Findings, wish: Enter) -> None:
        state = self._states[0]
        close = float(state["close"][(state["end"] - 1) % frame.RING_BARS])
        state["candidates"] += 1
        state["score"] = wish.confidence
        self._row(out, frame.CANDIDATE, wish.side)
        target = _target(wish, close)
        breach = self._breach(wish, close, target)
        if breach is not None:
            row = self._row(out, frame.WHYNOT, wish.side)
            self._drop(*breach)
            row["reason"], row["value"], row["threshold"] = breach
            return
        row = self._row(out, frame.SIGNAL, wish.side)
        state["signals"] += 1
        row["entry"], row["stop"], row["target"] = close, wish.stop, target
        row["confidence"] = wish.confidence
        if wish.reason:
            self.signal_kinds, row["signal_kind"] = _placed(
                self.signal_kinds, wish.reason
            )

    def _breach(
        self, wish: Enter, close: float, target: float
    ) -> tuple[int, float, float] | None:
        """Name the rule that an entry breaks, with value and threshold."""
        sign = wish.side.sign
        if not math.isfinite(wish.stop):
            return STOP_UNKNOWN, wish.stop, close
        if wish.stop <= 0.0 or (close - wish.stop) * sign <= 0.0:
            return STOP_SIDE, wish.stop, close
        if target != 0.0 and not (target > 0.0 and (target - close) * sign > 0.0):
            return TARGET_SIDE, target, close
        if wish.side is Side.SHORT and not self._params[0]["shortable"]:
            return NOT_SHORTABLE, 0.0, 1.0
        return None

    def _row(self, out: Findings, kind: int, side: Side) -> Any:
        """Begin the next row with what holds for every kind."""
        state, row = self._states[0], out[self._count]
        self._count += 1
        out[self._count - 1] = _BLANK[0]
        depths = state["ask_depth"], state["bid_depth"]
        row["kind"], row["ts"], row["side"] = kind, self._close_ms(), side.sign
        row["atr"], row["score"] = state["atr"], state["score"]
        row["spread_bps"] = state["spread_bps"]
        row["opposite_depth_usd"], row["exit_depth_usd"] = depths[:: side.sign]
        return row

    def _close_ms(self) -> int:
        state = self._states[0]
        newest = state["ts"][(state["end"] - 1) % frame.RING_BARS]
        return int(newest + self._params[0]["frame_ms"])

    def _drop(self, reason: int, value: float, threshold: float) -> None:
        state = self._states[0]
        state["dropped"][reason] += 1
        state["reason"], state["reason_ts"] = reason, self._close_ms()
        state["value"], state["threshold"] = value, threshold


def _target(wish: Enter, close: float) -> float:
    """Give the target's price; 0: the preset's ladder."""
    if wish.target_r is not None:
        return close + wish.target_r * (close - wish.stop)
    return 0.0 if wish.target is None else wish.target


def _placed(names: tuple[str, ...], name: str) -> tuple[tuple[str, ...], int]:
    """Give a name its place among the names, at the end when it is new."""
    if name in names:
        return names, names.index(name)
    if len(names) >= NAMES_MAX:
        msg = (
            f"reason {name!r} is one more than {NAMES_MAX} different ones; name few "
            "reasons, and leave numbers out of them"
        )
        raise StrategyError(msg)
    return (*names, name), len(names)
