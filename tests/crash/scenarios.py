"""The phases in which a kill falls: a market, a script, commands, and a window.

The window opens before bar `opens` is lived (None: when the process begins) and stays
open (recovering: until the engine has been started). What can be passed in a window
is survey's to say; what cannot is in IMPOSSIBLE, with its reason.
"""

from decimal import Decimal

import msgspec

from actors.domain.crash_points import CrashPoint
from tests.sim.script import Found, signal
from tests.sim.world import A, B, C, World, preset

BARS = 600  # more than any run lives
TEMPT_FROM = 8  # from this bar on, every symbol signals at every second bar
LIMITS = {
    "risk__max_concurrent_positions": 2,
    "risk__max_position_size_usd": Decimal(20_000),
    "risk__max_same_direction_notional_ratio": Decimal("0.45"),
    "risk__max_total_risk": Decimal("0.025"),
    "risk__daily_risk_limit": Decimal("0.05"),
    "risk__correlated_exposure_block": Decimal("0.003"),  # of a hundredfold leverage
    "risk__correlated_exposure_warn": Decimal("0.002"),
}
RISE = [100.0] * 5 + [104.0, 107.0, 109.0, 111.0, 113.0, 115.0, 117.0]
FALL = [100.0] * 6 + [94.0]


class Scenario(msgspec.Struct, frozen=True):
    """One phase; `commands` by the bar before which they are given."""

    name: str
    opens: int | None
    closes: dict[str, list[float]] = {}
    thin_from: int | None = None  # bars of A with little volume from here on
    commands: dict[int, str] = {}
    pieces: bool = False  # whatever fills, fills in several trades
    prelude: bool = False  # an engine was killed before, its entry just filled


SCENARIOS = {
    one.name: one
    for one in (
        Scenario("entering", 4, pieces=True),
        Scenario("protecting", 5, {A: FALL}, thin_from=5, pieces=True),
        Scenario("managing", 5, {A: RISE}),
        Scenario("paused", 5, {A: RISE}, commands={5: "pause"}),
        Scenario("emergency", 5, {A: RISE}, commands={5: "kill_switch"}),
        Scenario("recovering", None, {A: RISE}, pieces=True, prelude=True),
        Scenario("stopping", 5, {A: RISE}, commands={5: "stop"}),
    )
}
PRELUDE = (CrashPoint.ENTRY_FILLED, 4)  # where, and from which bar on
THIN = 1_500.0  # a tenth of it is ours: a stop of 200 takes two bars


def scripted() -> dict[tuple[str, int], Found]:
    """A long in A, a short in B; later everything tempts who forgot what it has."""
    script = {(A, 1): signal(stop=95.0), (B, 4): signal(side=-1, stop=105.0)}
    for number in range(TEMPT_FROM, BARS, 2):
        for symbol in (A, B, C):
            script[symbol, number] = signal(stop=90.0)
    return script


def world_of(scenario: Scenario) -> World:
    world = World(scripted(), closes=scenario.closes, bars=BARS)
    world.preset = preset(**LIMITS)
    if scenario.thin_from is not None:
        world.bars[A]["volume"][scenario.thin_from :] = THIN
    return world


# --- what cannot be passed -----------------------------------------------------------

_P = CrashPoint
_OVER = "the start was over before the phase began"
_FULL = "a snapshot is due at the end of a bar, and none is lived in this phase"

#: Where a point can be passed, and why it cannot elsewhere; the rest is everywhere.
_ONLY: dict[CrashPoint, tuple[set[str], str]] = {
    _P.KILL_CANCELLED: ({"emergency"}, "no kill switch in this phase"),
    _P.KILL_FLATTENING: ({"emergency"}, "no kill switch in this phase"),
    _P.STOP_GATE_CLOSED: ({"stopping"}, "nothing stops in this phase"),
    _P.STOP_CHILDREN_DOWN: ({"stopping"}, "nothing stops in this phase"),
    _P.RECOVERY_REPLAYED: ({"recovering"}, _OVER),
    _P.STOP_REPLACED: (
        set(SCENARIOS) - {"emergency", "recovering", "stopping"},
        "no stop is replaced in this phase",
    ),
    _P.SNAPSHOT_APPENDED: (set(SCENARIOS) - {"recovering"}, _FULL),
    _P.CANCEL_SENT: (
        set(SCENARIOS) - {"recovering"},
        "nothing is cancelled in this phase",
    ),
}

#: (phase, point) -> why it cannot be passed there. The survey proves it.
IMPOSSIBLE: dict[tuple[str, CrashPoint], str] = {
    (phase, point): reason
    for point, (only, reason) in _ONLY.items()
    for phase in SCENARIOS
    if phase not in only
}


def impossible(phase: str, point: CrashPoint) -> str | None:
    return IMPOSSIBLE.get((phase, point))
