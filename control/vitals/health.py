"""Whether the engine is alive, and whether it is well: two questions, two answers.

*Alive* is about this process alone: its tree runs, the risk actor gets through its
queue, the journal takes rows. systemd restarts a process that is not, and a restart
goes through recovery. *Well* asks for more, of which a restart would cure nothing: the
loop keeps time, the feed is fresh, the exchange answers. A watchdog elsewhere, and the
person behind it, hear of that.
"""

import msgspec
import trio

from actors.domain.phases import RUNNING_PHASES
from actors.domain.shown.machine import ActorRow
from actors.domain.views import EngineView

RISK = "risk"
NOTHING_WAITS = -1
#: Lights that a running engine needs; without one of them a person has to look.
NEEDED = frozenset({"feed", "exchange", "journal", "clock", "loop_lag"})
#: Of these, the ones that a restart may cure.
OURS = frozenset({"journal"})


class Health(msgspec.Struct, frozen=True):
    """What is wrong, in words; nothing is: well."""

    dead: tuple[str, ...]  # a restart may cure it
    unwell: tuple[str, ...]

    @property
    def alive(self) -> bool:
        """Whether the process can do its work at all."""
        return not self.dead

    @property
    def well(self) -> bool:
        """Whether nothing is wrong."""
        return not self.dead and not self.unwell

    def __str__(self) -> str:
        return "; ".join((*self.dead, *self.unwell)) or "well"


class Physician:
    """Looks at the engine again and again, so that it sees what does not move."""

    def __init__(self, engine: EngineView, stuck_seconds_max: float) -> None:
        self._engine = engine
        self._stuck_seconds_max = stuck_seconds_max
        self._handled = NOTHING_WAITS
        self._moved_at = trio.current_time()

    def look(self) -> Health:
        """Judge the engine as it is now."""
        if not self._engine.live():
            return Health(("the tree of actors does not run",), ())
        stuck = self._stuck()
        dead = [stuck] if stuck else []
        running = self._engine.status().state in RUNNING_PHASES
        unwell: list[str] = []
        for light in self._engine.lights():
            if light.state != "bad" or light.name not in NEEDED:
                continue
            if light.name in OURS:
                dead.append(f"{light.name}: {light.detail or light.value}")
            elif running or light.name == "loop_lag":
                unwell.append(f"{light.name}: {light.detail or light.value}")
        return Health(tuple(dead), tuple(unwell))

    def _stuck(self) -> str:
        """Say that the risk actor has work and does none of it; empty: it moves."""
        risk = self._risk()
        now = trio.current_time()
        if risk.depth == 0:
            self._handled = NOTHING_WAITS
        elif risk.messages != self._handled:
            self._handled, self._moved_at = risk.messages, now
        still = now - self._moved_at if risk.depth else 0.0
        if still < self._stuck_seconds_max:
            return ""
        return (
            f"the risk actor has {risk.depth} messages and none done in {still:.0f} s"
        )

    def _risk(self) -> ActorRow:
        return next(row for row in self._engine.actors() if row.name == RISK)
