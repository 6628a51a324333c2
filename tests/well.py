"""An engine of the tests with every number that only machines read."""

from decimal import Decimal
from typing import Any

import msgspec

from actors.domain.phases import KillPhase
from actors.domain.shown.machine import ActorRow, EngineNumbers
from actors.domain.shown.money import (
    DayRow,
    ExposureRow,
    HealthLight,
    KillRow,
    LimitRow,
    RiskView,
)
from tests.engines import InMemoryEngine

D = Decimal
LIGHTS = ("feed", "exchange", "journal", "clock", "loop_lag", "memory", "disk")


def limit(name: str, used: str | None, most: str, *, blocks: bool = False) -> LimitRow:
    amount = None if used is None else D(used)
    return LimitRow(name, amount, D(most), "usd", blocks, "")


NUMBERS = EngineNumbers(
    bars=10,
    candidates=4,
    signals=3,
    entries=2,
    trades=1,
    crashes=5,
    dead_letters=6,
    alerts={"warning": 7},
    orders={"open": 2, "unknown": 1},
    outcomes={"placed": 8, "refused": 1, "unknown": 0},
    journal_rows=100,
    journal_commits=20,
    journal_waiting=3,
    journal_commit_seconds_last=0.004,
    journal_bytes=4096,
    loop_lag_ms=12.0,
    feed_age_ms_max=1500,
    stale_symbols=0,
    quarantined_symbols=0,
)
DAY = DayRow("2026-11-28", D(100), D(101), D(102), D(100), D(99), D("0.5"), 2)
RISK = RiskView(
    gate_open=True,
    paused=False,
    settled=True,
    day=DAY,
    open_risk_usd=D("1.5"),
    open_risk_r=D("0.3"),
    limits=(limit("total_risk", "1", "4"),),
    reserved=(),
    by_side=(ExposureRow("long", 1, D(50), D(1), D(1)),),
    by_bucket=(ExposureRow("all", 1, D(50), D(1), D(1)),),
    kill=KillRow(KillPhase.ARMED, None, None, {}, ()),
    halted={},
)


class WellEngine(InMemoryEngine):
    """Adds what `/metrics` and the signs of life ask for; a test changes it."""

    numbers_now = NUMBERS
    risk_now = RISK

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.lamps = dict.fromkeys(LIGHTS, "ok")
        self.risk_row = ActorRow("risk", "money", "running", 0, 0, 65_536, 9, None)

    def numbers(self) -> EngineNumbers:
        return self.numbers_now

    def risk(self) -> RiskView:
        return self.risk_now

    def lights(self) -> tuple[HealthLight, ...]:
        return tuple(
            HealthLight(name, state, "3 s", "2 s", "")
            for name, state in self.lamps.items()
        )

    def actors(self) -> tuple[ActorRow, ...]:
        rows = [ActorRow(s, "symbols", "running", 0, 0, 64, 1, None) for s in self.rows]
        return (self.risk_row, *rows)

    def work(self, depth: int, messages: int) -> None:
        """Let the risk actor have so many messages, and have handled so many."""
        self.risk_row = msgspec.structs.replace(
            self.risk_row, depth=depth, messages=messages
        )
