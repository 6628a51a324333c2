"""The table: points down, phases across, with what was passed, killed and broken."""

import msgspec

from actors.domain.crash_points import CrashPoint
from tests.crash.cells import Cell, RandomRun, Result, Survey
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


def task_named(name: str) -> Cell | RandomRun:
    """The cell or random run of that name; a cell may end with its passing."""
    if name.startswith("random-"):
        return RandomRun(seed=int(name.removeprefix("random-")))
    known, _, last = name.rpartition("-")
    known, passing = (known, int(last)) if last.isdigit() else (name, 1)
    (cell,) = [one for one in CELLS if one.name == known]
    return msgspec.structs.replace(cell, passing=passing)


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
        """Cells whose point was not passed, and passings that should not be.

        How often a point is passed is the disk's pace too: only the first one must be.
        """
        missed = [cell.name for cell in CELLS if not self.cells[cell.name].landed]
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
        prefix = f"{phase}-{point}-"
        results = [r for name, r in self.cells.items() if name.startswith(prefix)]
        landed = sum(one.landed for one in results)
        broken = sum(bool(one.found) for one in results)
        return f"{landed}/{broken}" if landed else "never"


def deeper(surveys: dict[str, dict[str, int]], passings: int) -> list[Cell]:
    """The later passings of each point, as far as they were surveyed."""
    return [
        Cell(phase=phase, point=CrashPoint(point), changed=state, passing=passing)
        for phase, passed in surveys.items()
        for point, times in passed.items()
        for passing in range(2, min(times, passings) + 1)
        for state in STATES
    ]


def run_table(pool: Pool, passings: int = 1) -> Table:
    """Run the whole matrix and its surveys; `passings`: so deep into each point."""
    asked = {phase: pool.submit(Survey(phase=phase)) for phase in SCENARIOS}
    futures = {cell.name: pool.submit(cell) for cell in CELLS}
    surveys = {phase: future.result().passed for phase, future in asked.items()}
    for cell in deeper(surveys, passings):
        futures[cell.name] = pool.submit(cell)
    return Table({name: future.result() for name, future in futures.items()}, surveys)
