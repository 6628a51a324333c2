"""The table: points down, phases across, with what was passed, killed and broken."""

from concurrent.futures import Future

import msgspec

from actors.domain.crash_points import CrashPoint
from tests.crash.cells import Cell, Result, Survey
from tests.crash.pool import Pool
from tests.crash.scenarios import SCENARIOS, impossible

STATES = (False, True)  # the exchange's state is changed while the engine is down
CELLS = tuple(
    Cell(phase=phase, point=point, changed=changed)
    for phase in SCENARIOS
    for point in CrashPoint
    if impossible(phase, point) is None
    for changed in STATES
)


class Table(msgspec.Struct):
    """Everything one run of the matrix found out."""

    cells: dict[str, Result]
    surveys: dict[str, dict[str, int]]  # phase -> point -> passings

    @property
    def kills(self) -> int:
        return sum(one.landed for one in self.cells.values())

    @property
    def broken(self) -> int:
        return sum(bool(one.found) for one in self.cells.values())

    def missed(self) -> list[str]:
        """Cells whose point was not passed, and passings that should not be."""
        missed = [name for name, one in self.cells.items() if not one.landed]
        for phase, passed in self.surveys.items():
            missed += [
                f"{phase}-{point} is called impossible and was passed"
                for point in passed
                if impossible(phase, CrashPoint(point)) is not None
            ]
        return missed

    def text(self) -> str:
        """Kills landed / cells with violations, for each point and phase."""
        lines = ["| point | " + " | ".join(SCENARIOS) + " |"]
        lines.append("|---" * (len(SCENARIOS) + 1) + "|")
        for point in CrashPoint:
            row = [self._field(phase, point) for phase in SCENARIOS]
            lines.append(f"| {point} | " + " | ".join(row) + " |")
        return "\n".join(lines)

    def _field(self, phase: str, point: CrashPoint) -> str:
        if impossible(phase, point) is not None:
            return "-"
        cells = [Cell(phase=phase, point=point, changed=state) for state in STATES]
        results = [self.cells[cell.name] for cell in cells]
        landed = sum(one.landed for one in results)
        broken = sum(bool(one.found) for one in results)
        return f"{landed}/{broken}" if landed else "never"


def ask_all(pool: Pool) -> tuple[dict[str, Future[Result]], dict[str, Future[Result]]]:
    """Submit the whole matrix and its surveys."""
    surveys = {phase: pool.submit(Survey(phase=phase)) for phase in SCENARIOS}
    cells = {cell.name: pool.submit(cell) for cell in CELLS}
    return cells, surveys


def run_table(pool: Pool) -> Table:
    cells, surveys = ask_all(pool)
    return Table(
        {name: future.result() for name, future in cells.items()},
        {phase: future.result().passed for phase, future in surveys.items()},
    )
