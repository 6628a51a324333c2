"""The log: ordered keys, no secrets, no floods, no forged or endless lines."""

import io
import json
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
import structlog

from actors.logs import (
    LINE_CHARACTERS_MAX,
    REDACTED,
    REPEATS_MAX,
    WINDOW_SECONDS,
    LogFormat,
    RepeatLimit,
    configure_logging,
)


class Sealed:
    """A secret: its text must never appear."""

    def __str__(self) -> str:
        return "hunter2"

    __repr__ = __str__


class Holder(msgspec.Struct):
    name: str
    key: Any


@pytest.fixture
def out() -> Iterator[io.StringIO]:
    yield io.StringIO()
    structlog.reset_defaults()


def configure(out: io.StringIO, log_format: LogFormat = LogFormat.JSON) -> Any:
    configure_logging(log_format, "info", "s-1", secret_types=(Sealed,), stream=out)
    return structlog.get_logger(component="risk")


def lines(out: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_line_has_the_keys_in_their_order(out: io.StringIO) -> None:
    log = configure(out).bind(correlation="c-1", state="SIZING", symbol="X")
    log.info("sized", cap="notional")
    (line,) = lines(out)
    assert list(line) == [
        *("timestamp", "level", "event", "session", "component"),
        *("symbol", "state", "correlation", "cap"),
    ]
    assert (line["session"], line["component"]) == ("s-1", "risk")


def test_lines_below_the_level_are_not_written(out: io.StringIO) -> None:
    configure(out).debug("quiet")
    assert not out.getvalue()


def test_unknown_level_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="'loud' is unknown"):
        configure_logging(LogFormat.JSON, "loud", None)


@pytest.mark.parametrize(
    "value",
    [
        Sealed(),
        {"deep": [Sealed(), (Sealed(),)]},
        Holder("k", Sealed()),
        {"api_key": "hunter2"},
        {"Authorization": "Bearer hunter2"},
    ],
)
@pytest.mark.parametrize("log_format", list(LogFormat))
def test_secret_is_never_written_wherever_it_is(
    out: io.StringIO, log_format: LogFormat, value: object
) -> None:
    configure(out, log_format).info("signed in", value=value)
    assert REDACTED in out.getvalue()
    assert "hunter2" not in out.getvalue()


def test_first_repeats_pass_then_are_counted(out: io.StringIO) -> None:
    log = configure(out)
    for _ in range(REPEATS_MAX + 20):
        log.warning("feed is late", symbol="X")
    log.warning("feed is late", symbol="Y")
    assert [line["symbol"] for line in lines(out)] == ["X"] * REPEATS_MAX + ["Y"]


def test_first_line_after_the_window_says_how_many_were_left_out() -> None:
    now = 0.0
    limit = RepeatLimit(lambda: now)
    passed = 0
    for _ in range(REPEATS_MAX + 20):
        try:
            limit(None, "info", {"event": "late"})
        except structlog.DropEvent:
            continue
        passed += 1
    now = WINDOW_SECONDS
    assert passed == REPEATS_MAX
    assert limit(None, "info", {"event": "late"})["suppressed"] == 20
    assert "suppressed" not in limit(None, "info", {"event": "late"})


def test_memory_of_the_repeat_limit_is_bounded() -> None:
    limit = RepeatLimit(lambda: 0.0)
    for number in range(5_000):
        limit(None, "info", {"event": str(number)})
    assert len(limit._seen) == 1_000


def test_long_value_is_cut_and_says_how_much(out: io.StringIO) -> None:
    configure(out).info("answer", body="x" * 5_000)
    assert lines(out)[0]["body"].endswith("x... (4000 more)")


@pytest.mark.parametrize("log_format", list(LogFormat))
def test_line_of_many_values_stays_in_bounds(
    out: io.StringIO, log_format: LogFormat
) -> None:
    values = {f"value_{number}": "x" * 900 for number in range(100)}
    configure(out, log_format).info("much", **values)
    (line,) = out.getvalue().splitlines()
    assert len(line) <= LINE_CHARACTERS_MAX
    assert "cut_characters" in line
    assert "much" in line


@pytest.mark.parametrize("log_format", list(LogFormat))
@pytest.mark.parametrize("sign", ["x", '"', "\\", "\x00", "\U0001f4a5", "\U000e0001"])
def test_line_stays_in_bounds_whatever_the_signs(
    out: io.StringIO, log_format: LogFormat, sign: str
) -> None:
    keys = ("component", "symbol", "state", "correlation", "other", "another")
    log = configure(out, log_format).bind(**dict.fromkeys(keys, sign * 3_000))
    log.info(sign * 3_000, number=10**500)
    (line,) = out.getvalue().splitlines()
    assert len(line) <= LINE_CHARACTERS_MAX


def test_line_break_in_a_value_forges_no_line(out: io.StringIO) -> None:
    log = configure(out, LogFormat.CONSOLE)
    log.info("joined\nforged line", symbol="X\r\nforged too")
    assert len(out.getvalue().splitlines()) == 1


def test_stream_that_is_no_terminal_gets_no_colours(out: io.StringIO) -> None:
    configure(out, LogFormat.CONSOLE).error("plain")
    assert "\x1b" not in out.getvalue()


def test_terminal_gets_colours(
    out: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(out, "isatty", lambda: True)
    configure(out, LogFormat.CONSOLE).error("bright")
    assert "\x1b" in out.getvalue()


def test_exception_keeps_its_end(out: io.StringIO) -> None:
    try:
        raise ValueError("x" * 3_000 + " the point")  # noqa: TRY301  # a traceback is needed
    except ValueError:
        configure(out).exception("failed")
    assert lines(out)[0]["exception"].endswith("the point")


def test_log_goes_to_stderr_and_leaves_stdout_clean(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logging(LogFormat.JSON, "info", None)
    structlog.get_logger().info("here")
    structlog.reset_defaults()
    written = capsys.readouterr()
    assert not written.out
    assert json.loads(written.err)["event"] == "here"
