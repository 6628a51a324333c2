"""From the kernel's rows to messages: here floats end and Decimal begins.

Prices are put on the instrument's tick grid; a stop is rounded away from the entry,
so that rounding never makes a stop tighter than the strategy meant. A stop that was
never away from its entry is not rounded into one: that signal ends as a why-not.
"""

import math
from decimal import Decimal
from typing import Any

from actors.domain import ids
from actors.domain.bars import Instrument
from actors.domain.exits import beyond, targets
from actors.domain.findings import FindingKind, Pipeline
from actors.domain.findings import Findings as Rows
from actors.domain.messages import (
    Armed,
    Candidate,
    Disarmed,
    ExitSignal,
    Finding,
    Findings,
    LevelsBuilt,
    Signal,
    WhyNot,
)
from actors.domain.money import (
    ONE,
    ZERO,
    ceil_to,
    decimal_from_float,
    floor_to,
    nearest_to,
)
from actors.domain.orders import Side
from config.preset import Preset


class Translator:
    """Turns one pipeline's rows into what the risk actor is told."""

    def __init__(
        self, pipeline: Pipeline, instrument: Instrument, preset: Preset, strategy: str
    ) -> None:
        self._pipeline = pipeline
        self._instrument = instrument
        self._preset = preset
        self._strategy = strategy
        self._makers = {
            FindingKind.CANDIDATE: self._candidate,
            FindingKind.LEVELS: self._levels,
            FindingKind.ARMED: self._armed,
            FindingKind.DISARMED: self._disarmed,
            FindingKind.SIGNAL: self._signal,
            FindingKind.WHYNOT: self._whynot,
            FindingKind.EXIT: self._exit,
        }

    def findings(self, rows: Rows) -> Findings:
        """Translate the rows of one call; they belong to one symbol."""
        items = tuple(self._makers[FindingKind(row["kind"])](row) for row in rows)
        return Findings(self._instrument.symbol, int(rows[-1]["ts"]), items)

    def _correlation(self, row: Any) -> str:
        return ids.correlation_id(
            self._instrument.symbol, int(row["ts"]), self._strategy, ""
        )

    def _price(self, value: float) -> Decimal:
        return nearest_to(decimal_from_float(value), self._instrument.tick_size)

    def _candidate(self, row: Any) -> Finding:
        mask, reasons = int(row["notes"]), self._pipeline.reasons
        notes = tuple(r for bit, r in enumerate(reasons) if mask >> bit & 1)
        return Candidate(self._correlation(row), float(row["score"]), notes)

    def _levels(self, row: Any) -> Finding:
        return LevelsBuilt(self._correlation(row), int(row["value"]))

    def _armed(self, row: Any) -> Finding:
        return Armed(
            self._correlation(row),
            int(row["level_id"]),
            self._price(row["level"]),
            _side(row["side"]),
        )

    def _disarmed(self, row: Any) -> Finding:
        return Disarmed(self._pipeline.reasons[row["reason"]])

    def _exit(self, row: Any) -> Finding:
        return ExitSignal(_side(row["side"]), self._pipeline.reasons[row["reason"]])

    def _whynot(self, row: Any) -> Finding:
        reason = self._pipeline.reasons[row["reason"]]
        value, threshold = _known(row["value"]), _known(row["threshold"])
        return self._lacking(row, reason, value, threshold)

    def _signal(self, row: Any) -> Finding:
        """Make a signal, or say what it lacks; UNKNOWN fails closed."""
        side = _side(row["side"])
        if not (row["entry"] - row["stop"]) * side.sign > 0:
            given, wanted = _known(row["stop"]), _known(row["entry"])
            return self._lacking(row, "stop_distance", given, wanted)
        if math.isnan(row["atr"]):
            return self._lacking(row, "atr_unknown", "UNKNOWN", "")
        entry = self._price(row["entry"])
        stop = self._stop(side, row["stop"], entry)
        if min(entry, stop) <= ZERO:
            return self._lacking(row, "stop_distance", str(stop), str(entry))
        return self._complete(row, side, entry, stop)

    def _lacking(self, row: Any, reason: str, value: str, threshold: str) -> WhyNot:
        return WhyNot(self._correlation(row), "signal", reason, value, threshold)

    def _complete(self, row: Any, side: Side, entry: Decimal, stop: Decimal) -> Signal:
        obstacles = tuple(
            decimal_from_float(price)
            for price in row["obstacles"]
            if not math.isnan(price)
        )
        ts_ms = int(row["ts"])
        return Signal(
            correlation=self._correlation(row),
            symbol=self._instrument.symbol,
            ts_ms=ts_ms,
            side=side,
            kind=self._pipeline.signal_kinds[row["signal_kind"]],
            entry=entry,
            stop=stop,
            targets=self._targets(row, side, entry, stop, obstacles),
            level=_decimal_or_none(row["level"]),
            confidence=float(row["confidence"]),
            score=float(row["score"]),
            atr=decimal_from_float(row["atr"]),
            opposite_depth_usd=_decimal_or_none(row["opposite_depth_usd"]),
            exit_depth_usd=_decimal_or_none(row["exit_depth_usd"]),
            spread_bps=_decimal_or_none(row["spread_bps"]),
            stamps=tuple((stage, ts_ms) for stage in ("scan", "levels", "signal")),
        )

    def _stop(self, side: Side, value: float, entry: Decimal) -> Decimal:
        """Round a stop away from entry, at least one tick of distance."""
        tick = self._instrument.tick_size
        stop = decimal_from_float(value)
        if side is Side.LONG:
            return min(floor_to(stop, tick), entry - tick)
        return max(ceil_to(stop, tick), entry + tick)

    def _targets(
        self,
        row: Any,
        side: Side,
        entry: Decimal,
        stop: Decimal,
        obstacles: tuple[Decimal, ...],
    ) -> tuple[tuple[Decimal, Decimal], ...]:
        """Use the strategy's own target for all of the size, else the preset's."""
        tick = self._instrument.tick_size
        if row["target"] > 0:
            target = beyond(entry, decimal_from_float(row["target"]), side, tick)
            return ((target, ONE),)
        rules = self._preset.position_config
        return targets(rules, side, entry, stop, tick, obstacles)


def _side(sign: int) -> Side:
    return Side.LONG if sign > 0 else Side.SHORT


def _known(value: float) -> str:
    return "UNKNOWN" if math.isnan(value) else f"{value:.8g}"


def _decimal_or_none(value: float) -> Decimal | None:
    return None if math.isnan(value) else decimal_from_float(value)
