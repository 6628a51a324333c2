"""The demo market's prices: ranges that break, trends, failures, retests and chop.

A symbol is always in one regime, and moves in units of its own bar height `unit` (the
mean true range of a one-minute bar, as a ratio of price). x is the log price:

| regime   | next close                                         | then            |
|----------|----------------------------------------------------|-----------------|
| RANGE    | swings from edge to edge, 0.4 unit a bar, and never| APPROACH        |
|          | closes beyond; wicks touch an edge within 4 bps    |                 |
| APPROACH | presses on the edge that will break, 7 to 14 bars  | BREAK           |
| BREAK    | one bar: edge + 14..27 bps, hardly a wick          | TREND 60%, FAIL |
| TREND    | x + 0.3 unit a bar, the way of the break           | RETEST 35%, CHOP|
| RETEST   | goes back to the broken edge                       | TREND 60%, CHOP |
| FAIL     | x - 0.6 unit a bar, back through the edge          | the same RANGE  |
| CHOP     | no drift                                           | a new RANGE     |

plus noise in every regime but BREAK: strength x unit x (load x factor +
sqrt(1 - load^2) x own normal), where the factor is the benchmark's own normal. That is
the one-factor model of returns: any two symbols are correlated by load_i x load_j.

It is kinder than any recorded market: breaks follow through often and far enough for
the shipped breakout preset to earn after costs, so that a person sees every kind of
trade within minutes. What a strategy earns here says nothing about what it would earn.

Why so: breakout traders look for a level that several swings have respected, then a
close through it; the strategy has to tell a follow-through from a failure, and cannot
from the breaking bar alone. A break closes 14 to 27 bps beyond because presets want
at least 12 and at most 30. The direction leans back towards the start price, so that
an endless market keeps its decimals: P(up) = 1/2 - 1/4 tanh((x - x_start) / 0.5).
Gaps move the open; jumps move the close by 3 to 8 units and end a range.
"""

from enum import IntEnum

import msgspec
import numpy as np
import numpy.typing as npt

from actors.market.arrays import Floats, Ints


class Regime(IntEnum):
    """What a symbol is doing; the rows of the table above."""

    RANGE = 0
    APPROACH = 1
    BREAK = 2
    TREND = 3
    FAIL = 4
    RETEST = 5
    CHOP = 6


NORMALS = 7  # for each bar: own move, upper wick, lower wick, and four for the quotes
UNIFORMS = 6  # for each bar: length, direction, fate, distance, event, event size

SWING_UNITS = 0.40  # drift of a range's swing, units a bar
TREND_UNITS = 0.30
FAIL_UNITS = 0.60
RETEST_UNITS_MAX = 0.30
NEAR_UNITS = 0.40  # this near an edge a swing turns
PRESS_UNITS = 0.25  # how far before the edge an approach waits
RANGE_HALF_UNITS = (1.05, 1.4)
BREAK_BEYOND = (0.0014, 0.0027)  # log distance of the breaking close from its edge
PIERCE_MAX = 0.0004
FOLLOW_THROUGH = 0.60  # share of breaks that become trends
RETEST_SHARE = 0.35
GAP_CHANCE = 0.002
JUMP_CHANCE = 0.0004
JUMP_UNITS = (3.0, 8.0)
WICK_UNITS = 0.34
NOISE_UNITS = np.array([0.45, 0.35, 0.0, 0.50, 0.50, 0.45, 0.65])  # by regime
BARS = np.array(  # least and most bars of each regime
    [(110, 240), (7, 14), (1, 1), (20, 60), (3, 7), (12, 40), (20, 60)], np.int64
)

Mask = npt.NDArray[np.bool_]


class Path(msgspec.Struct, frozen=True):
    """What happened in a block: arrays of (bars, symbols), prices as logs."""

    open: Floats
    high: Floats
    low: Floats
    close: Floats
    regime: Ints  # during the bar
    side: Ints  # +1 or -1: the direction of the break under way


class Walk:
    """The state of every symbol's price, carried from block to block."""

    def __init__(self, x: Floats, unit: Floats, load: Floats, wait: Ints) -> None:
        """Start at log prices `x`, with `wait` bars of chop.

        `load` is the correlation with the factor. All are one element a symbol.
        """
        count = len(x)
        self._start, self._unit, self._load = x.copy(), unit, load
        self._x = x.copy()
        self._regime = np.full(count, Regime.CHOP)
        self._left = wait.copy()
        self._side = np.ones(count, np.int64)
        self._swing = np.ones(count, np.int64)
        self._top, self._bottom = x.copy(), x.copy()

    def advance(self, normals: Floats, uniforms: Floats, factor: Floats) -> Path:
        """Walk one block.

        `normals` is (bars, NORMALS, symbols), `uniforms` (bars, UNIFORMS, symbols),
        `factor` (bars,).
        """
        shape = (len(factor), len(self._x))
        prices = np.empty((4, *shape))
        regime, side = np.empty(shape, np.int64), np.empty(shape, np.int64)
        for bar, common in enumerate(factor.tolist()):
            regime[bar], side[bar] = self._regime, self._side
            jumped = self._move(normals[bar], uniforms[bar], common, prices[:, bar])
            self._turn(uniforms[bar], jumped)
        opened, high, low, close = prices
        return Path(opened, high, low, close, regime, side)

    def _move(
        self, normal: Floats, uniform: Floats, factor: float, out: Floats
    ) -> Mask:
        """Write one bar's open, high, low and close; tell who jumped."""
        unit, event, size = self._unit, uniform[4], uniform[5]
        sign = np.where(uniform[1] < 0.5, -1.0, 1.0)
        jumped: Mask = (event < JUMP_CHANCE) & (self._regime != Regime.BREAK)
        gapped = (event > 1 - GAP_CHANCE) & (self._regime != Regime.BREAK)
        opened = self._x + gapped * sign * unit * (0.5 + size)
        own = np.sqrt(1 - self._load**2) * normal[0]
        noise = NOISE_UNITS[self._regime] * unit * (self._load * factor + own)
        close = opened + self._drift() + noise
        inside = self._regime <= Regime.APPROACH
        margin = unit * (0.05 + 0.2 * uniform[3])
        held = np.clip(close, self._bottom + margin, self._top - margin)
        close = np.where(inside, held, close)
        broken = self._edge() + self._side * _between(uniform[3], BREAK_BEYOND)
        close = np.where(self._regime == Regime.BREAK, broken, close)
        close = np.where(
            jumped, opened + sign * unit * _between(size, JUMP_UNITS), close
        )
        wick = unit * np.where(self._regime == Regime.BREAK, 0.1, WICK_UNITS)
        top, bottom = np.maximum(opened, close), np.minimum(opened, close)
        high = top + wick * np.abs(normal[1])
        low = bottom - wick * np.abs(normal[2])
        inside &= ~(jumped | gapped)
        out[0], out[3] = opened, close
        out[1] = np.where(inside, self._touch(high, top, normal[1], +1), high)
        out[2] = np.where(inside, self._touch(low, bottom, normal[2], -1), low)
        self._x = close
        return jumped

    def _drift(self) -> Floats:
        unit, side = self._unit, self._side
        back = self._edge() - self._x
        limit, swing = RETEST_UNITS_MAX * unit, SWING_UNITS * unit
        drifts = (
            self._swing * swing,
            np.clip(back - side * PRESS_UNITS * unit, -swing, swing),
            np.zeros_like(unit),
            side * TREND_UNITS * unit,
            -side * FAIL_UNITS * unit,
            np.clip(back, -limit, limit),
            np.zeros_like(unit),
        )
        drift: Floats = np.choose(self._regime, drifts)
        return drift

    def _edge(self) -> Floats:
        return np.where(self._side > 0, self._top, self._bottom)

    def _touch(self, extreme: Floats, body: Floats, normal: Floats, way: int) -> Floats:
        """Hold a wick to its edge: near it, the wick touches it within PIERCE_MAX."""
        edge = self._top if way > 0 else self._bottom
        outer = np.maximum if way > 0 else np.minimum
        inner = np.minimum if way > 0 else np.maximum
        at = edge + way * PIERCE_MAX * np.clip(0.5 * normal, -1, 1)
        near = way * (edge - body) < NEAR_UNITS * self._unit
        return outer(np.where(near, at, inner(extreme, at)), body)

    def _turn(self, uniform: Floats, jumped: Mask) -> None:
        """Turn swings, and put whoever's time is over into its next regime."""
        regime, near = self._regime, NEAR_UNITS * self._unit
        above = self._x > self._top - near
        below = self._x < self._bottom + near
        self._swing = np.where(above, -1, np.where(below, 1, self._swing))
        self._left -= 1
        due = (self._left <= 0) | jumped
        if not due.any():
            return
        follow = np.choose(
            regime,
            (
                np.full(len(regime), Regime.APPROACH),
                np.full(len(regime), Regime.BREAK),
                np.where(uniform[2] < FOLLOW_THROUGH, Regime.TREND, Regime.FAIL),
                np.where(uniform[2] < RETEST_SHARE, Regime.RETEST, Regime.CHOP),
                np.full(len(regime), Regime.RANGE),
                np.where(uniform[2] < FOLLOW_THROUGH, Regime.TREND, Regime.CHOP),
                np.full(len(regime), Regime.RANGE),
            ),
        )
        follow = np.where(jumped, Regime.CHOP, follow)
        self._enter(np.flatnonzero(due), follow[due], uniform[:, due])

    def _enter(self, who: Ints, regime: Ints, uniform: Floats) -> None:
        fresh = (regime == Regime.RANGE) & (self._regime[who] == Regime.CHOP)
        half = self._unit[who] * _between(uniform[2], RANGE_HALF_UNITS)
        self._top[who] = np.where(fresh, self._x[who] + half, self._top[who])
        self._bottom[who] = np.where(fresh, self._x[who] - half, self._bottom[who])
        away = (self._x[who] - self._start[who]) / 0.5
        up = uniform[1] < 0.5 - 0.25 * np.tanh(away)
        side = np.where(up, 1, -1)
        chosen = regime == Regime.APPROACH
        self._side[who] = np.where(chosen, side, self._side[who])
        least, most = BARS[regime].T
        self._left[who] = least + (uniform[0] * (most - least + 1)).astype(np.int64)
        self._regime[who] = regime


def _between(uniform: Floats, bounds: tuple[float, float]) -> Floats:
    return bounds[0] + uniform * (bounds[1] - bounds[0])
