"""SIGKILL at every named point, in every phase, with the exchange same or changed."""

from collections.abc import Iterator
from concurrent.futures import Future

import pytest

from actors.domain.crash_points import CrashPoint
from tests.crash.cells import Cell, Result, Survey, Task
from tests.crash.pool import Pool
from tests.crash.scenarios import IMPOSSIBLE, SCENARIOS
from tests.crash.table import CELLS, Table

MATRIX_SECONDS_MAX = 600  # of the first test to wait: all cells are under way then
#: These also run in the quick suite.
QUICK = CrashPoint.SENT

pytestmark = pytest.mark.timeout(MATRIX_SECONDS_MAX)


class Running:
    """Everything this run asks for, under way side by side."""

    def __init__(self, pool: Pool, tasks: list[Task]) -> None:
        self._futures: dict[Task, Future[Result]] = {
            task: pool.submit(task) for task in tasks
        }

    def result(self, task: Task) -> Result:
        return self._futures[task].result()

    def table(self) -> str:
        """The table of all cells; empty when only some of them were asked for."""
        done = {
            task.name: future.result()
            for task, future in self._futures.items()
            if isinstance(task, Cell) and future.done()
        }
        return Table(done, {}).text() if len(done) == len(CELLS) else ""


@pytest.fixture(scope="module")
def running(request: pytest.FixtureRequest) -> Iterator[Running]:
    tasks = [
        item.callspec.params["task"]
        for item in request.session.items
        if isinstance(item, pytest.Function)
        and item.module is request.module
        and hasattr(item, "callspec")
        and item.get_closest_marker("skip") is None
    ]
    with Pool() as pool:
        running = Running(pool, tasks)
        yield running
    if table := running.table():
        capture = request.config.pluginmanager.getplugin("capturemanager")
        assert capture is not None, "pytest captures by a plugin"
        with capture.global_and_fixture_disabled():
            print(f"\n{table}")


def _marked(cell: Cell) -> object:
    marks = [] if cell.point is QUICK else [pytest.mark.slow]
    return pytest.param(cell, id=cell.name, marks=marks)


@pytest.mark.parametrize("task", [_marked(cell) for cell in CELLS])
def test_a_kill_loses_doubles_and_forgets_nothing(running: Running, task: Cell) -> None:
    result = running.result(task)
    assert result.found == [], result.log
    assert result.landed == 1, "the point was not passed; passed: " + str(result.passed)


@pytest.mark.slow
@pytest.mark.parametrize("task", [Survey(phase=phase) for phase in SCENARIOS], ids=str)
def test_a_point_called_impossible_is_never_passed(
    running: Running, task: Survey
) -> None:
    passed = running.result(task).passed
    assert passed, "a survey sees something"
    called = {point for phase, point in IMPOSSIBLE if phase == task.phase}
    assert called & {CrashPoint(point) for point in passed} == set()
