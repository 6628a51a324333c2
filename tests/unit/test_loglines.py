"""The newest log lines at hand: numbered, bounded, and without secrets."""

import io
from collections.abc import Iterator

import pytest
import structlog

from actors import logs
from actors.loglines import LogRing
from actors.logs import LogFormat, configure_logging


class Sealed:
    """A secret by its type."""


@pytest.fixture
def ring(monkeypatch: pytest.MonkeyPatch) -> Iterator[LogRing]:
    ring = LogRing(lines=4)
    monkeypatch.setattr(logs, "RECENT", ring)
    configure_logging(
        LogFormat.JSON, "info", "s-1", secret_types=(Sealed,), stream=io.StringIO()
    )
    yield ring
    structlog.reset_defaults()


def test_a_line_is_kept_as_it_is_written(ring: LogRing) -> None:
    structlog.get_logger(component="feed").warning("late_symbols", count=3)
    (row,) = ring.after(0, 10)
    assert (row.number, row.level, row.component) == (1, "warning", "feed")
    assert row.event == "late_symbols"
    assert row.fields == {"session": "s-1", "count": "3"}
    assert row.time_ms > 1_700_000_000_000


def test_no_secret_reaches_the_ring(ring: LogRing) -> None:
    log = structlog.get_logger(component="door")
    log.info("signed_in", token="abc-secret", given={"password": "hunter2"})
    log.info("sealed", value=Sealed())
    told = str(ring.after(0, 10))
    assert "abc-secret" not in told
    assert "hunter2" not in told
    assert "Sealed" not in told
    assert told.count("[secret]") == 3


def test_what_the_level_leaves_out_is_not_kept(ring: LogRing) -> None:
    structlog.get_logger(component="feed").debug("noise")
    assert ring.after(0, 10) == ()


def test_lines_are_asked_for_behind_a_number_and_the_oldest_are_let_go(
    ring: LogRing,
) -> None:
    log = structlog.get_logger(component="test")
    for name in "abcdef":
        log.info(name)
    assert [row.number for row in ring.after(0, 10)] == [3, 4, 5, 6]
    assert [row.number for row in ring.after(4, 10)] == [5, 6]
    assert [row.number for row in ring.after(3, 1)] == [4]
    assert ring.after(6, 10) == ring.after(99, 10) == ring.after(0, -1) == ()
