"""A process that is killed and started again: it goes on in the same market."""

import sqlite3
from contextlib import closing
from pathlib import Path

from tests.wire.engine_process import breakout, report_of, running

MARKET = ("--symbols", "2", "--seed", "1")
MINUTE_MS = 60_000


def lived(folder: Path) -> tuple[int, int]:
    """The account's number, and up to where it has lived."""
    with closing(sqlite3.connect(folder / "paper.sqlite")) as file:
        found: tuple[int, int] = file.execute(
            "SELECT account_serial, now_ms FROM account"
        ).fetchone()
        return found


async def test_a_killed_engine_goes_on_in_its_market_and_in_no_other(
    tmp_path: Path,
) -> None:
    with running(tmp_path, *MARKET, "--speed", "1200") as engine:
        for _ in range(3):
            await engine.trades_on()
    serial, killed_ms = lived(tmp_path)
    assert serial == 1

    words = ("--data-dir", str(tmp_path), "--for", "10m")
    report = report_of(tmp_path, *MARKET, *words)
    assert report["bars"] == 2 * 10
    assert lived(tmp_path)[1] >= killed_ms + 9 * MINUTE_MS

    other = ("--symbols", "2", "--seed", "2", "--port", "0")
    refused = breakout("run", *other, *words)
    assert refused.returncode == 2
    assert "seed 1, not 2" in refused.stderr
    assert "Traceback" not in refused.stderr

    report_of(tmp_path, *other, "--fresh", *words)
    assert lived(tmp_path)[0] == 2
    assert (tmp_path / "paper-1.sqlite").exists()
