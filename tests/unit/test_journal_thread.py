"""The journal's thread beside a loop: a busy one lets it in, an idle one need not."""

import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio

from actors.journal import storage


class Naps:
    """Counts how often the loop stood aside; the third time, work may end."""

    def __init__(self) -> None:
        self.taken = 0
        self.enough = threading.Event()

    def __call__(self, _seconds: float) -> None:
        self.taken += 1
        if self.taken == 3:
            self.enough.set()


@pytest.fixture
def naps(monkeypatch: pytest.MonkeyPatch) -> Naps:
    counted = Naps()
    monkeypatch.setattr("actors.journal.storage.time.sleep", counted)
    return counted


@asynccontextmanager
async def opened(where: Path) -> AsyncIterator[storage.Storage]:
    async with storage.open_storage(str(where / "a.db"), threaded=True) as made:
        yield made


async def never_idle() -> None:
    while True:
        await trio.lowlevel.checkpoint()


async def test_a_busy_loop_stands_aside_while_work_is_on_the_thread(
    tmp_path: Path, naps: Naps
) -> None:
    async with opened(tmp_path) as made, trio.open_nursery() as nursery:
        nursery.start_soon(never_idle)
        assert await made.run(lambda _database: naps.enough.wait(15))
        taken = naps.taken
        with trio.move_on_after(2 * storage.PATIENCE_SECONDS):
            await never_idle()
        assert naps.taken == taken
        nursery.cancel_scope.cancel()


async def test_work_that_is_done_in_its_time_costs_a_busy_loop_nothing(
    tmp_path: Path, naps: Naps, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage, "PATIENCE_SECONDS", 15)
    async with opened(tmp_path) as made, trio.open_nursery() as nursery:
        nursery.start_soon(never_idle)
        assert await made.run(lambda _database: "done") == "done"
        assert naps.taken == 0
        nursery.cancel_scope.cancel()


async def test_an_idle_loop_never_stands_aside(tmp_path: Path, naps: Naps) -> None:
    async with opened(tmp_path) as made:
        waited = 2 * storage.PATIENCE_SECONDS
        assert not await made.run(lambda _database: naps.enough.wait(waited))
    assert naps.taken == 0


async def test_work_that_fails_leaves_no_loop_that_stands_aside(
    tmp_path: Path, naps: Naps
) -> None:
    async with opened(tmp_path) as made:
        with pytest.raises(ZeroDivisionError):
            await made.run(lambda _database: 1 // 0)
        with trio.move_on_after(2 * storage.PATIENCE_SECONDS):
            await never_idle()
    assert naps.taken == 0
