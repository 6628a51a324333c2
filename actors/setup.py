"""What an engine is made of, chosen before it runs."""

from collections.abc import Callable
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path

import msgspec

from actors.domain.findings import Strategy
from actors.exchange.book import PaperSettings
from actors.feed import Pace
from actors.journal import SessionStarted
from actors.market.port import Market
from actors.watchdog import ResourceLimits
from config.preset import Preset
from config.settings import SupervisionGroup

#: What a run depends on; its versions are in the journal.
VERSIONED = ("breakout-engine", "trio", "numba", "numpy", "polars", "apsw")


class EngineSetup(msgspec.Struct, frozen=True):
    """Everything an engine is made of, chosen before it runs."""

    engine_id: str
    session: str
    market: Market
    strategy: Callable[[Preset], Strategy]  # made anew at each start
    pace: Pace
    seed: int
    equity_usd: Decimal
    paper: PaperSettings
    journal_path: Path | None  # None: in memory
    resources: ResourceLimits
    supervision: SupervisionGroup
    preset: str  # the one that the session begins with
    history_steps: int = 0  # steps before the first start that only build history

    def started(self, wall_ms: int) -> SessionStarted:
        """Say everything that is needed to repeat this run."""
        return SessionStarted(
            engine=self.engine_id,
            market=self.market.describe().name,
            preset=self.preset,
            mode="paper",
            seed=self.seed,
            versions={name: version(name) for name in VERSIONED},
            wall_ms=wall_ms,
        )
