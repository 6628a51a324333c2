"""How the engine writes its log: one line a fact, bounded, without secrets or floods.

Every line can carry session, component, symbol, state and correlation, always in that
order: `structlog.get_logger(component="journal").bind(symbol="BTC/USDT")`. Lines go to
stderr, so that reports on stdout stay clean. The journal is the truth and the log a
convenience: a log line may be cut or, when it repeats, be left out and counted.
"""

import logging
import sys
import time
from collections import OrderedDict
from collections.abc import Callable
from enum import StrEnum
from typing import Any, TextIO

import msgspec
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from actors.loglines import RECENT

VALUE_CHARACTERS_MAX = 1_000
LINE_CHARACTERS_MAX = 8_000
REPEATS_MAX = 5  # identical lines within one window; the rest is counted
WINDOW_SECONDS = 10.0
KEYS_REMEMBERED_MAX = 1_000

REDACTED = "[secret]"
_CUT_CHARACTERS = 300  # of each first key, in a line that was too long
_INTEGER_MAX = 2**63
_SECRET_NAMES = ("secret", "password", "token", "api_key", "authorization")

_FIRST_KEYS = (
    *("timestamp", "level", "event"),
    *("session", "component", "symbol", "state", "correlation"),
)


class LogFormat(StrEnum):
    """How a line is written."""

    CONSOLE = "console"  # for people; coloured only on a terminal
    JSON = "json"  # for programs; one object a line


def configure_logging(
    log_format: LogFormat,
    level: str,
    session: str | None,
    *,
    secret_types: tuple[type, ...] = (),
    stream: TextIO | None = None,
) -> None:
    """Set up the log of this process.

    Args:
        log_format: for people or for programs.
        level: debug, info, warning, error or critical.
        session: the id of this run, on every line; None outside a run.
        secret_types: values of these types are never written, wherever they are.
        stream: stderr if None.

    Raises:
        ValueError: `level` is none of the above.
    """
    levels = logging.getLevelNamesMapping()
    if level.upper() not in levels:
        message = f"log level {level!r} is unknown; use one of debug, info, warning, error, critical"  # noqa: E501  # one sentence
        raise ValueError(message)
    out = sys.stderr if stream is None else stream
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            RepeatLimit(time.monotonic),
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _redacting(secret_types),
            _ordering(session),
            RECENT,
            _renderer(log_format, colours=out.isatty()),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(levels[level.upper()]),
        logger_factory=structlog.WriteLoggerFactory(file=out),
        cache_logger_on_first_use=False,
    )


class RepeatLimit:
    """Lets the first few of identical lines through in each window; counts the rest.

    The first line after a window says how many were left out. Lines are identical when
    level, event, component and symbol are.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._seen: OrderedDict[tuple[Any, ...], tuple[float, int]] = OrderedDict()

    def __call__(
        self, _logger: WrappedLogger, _method: str, event_dict: EventDict
    ) -> EventDict:
        """Pass the line on, or drop it."""
        key = tuple(
            str(event_dict.get(name))
            for name in ("level", "event", "component", "symbol")
        )
        now = self._monotonic()
        began, count = self._seen.get(key, (now, 0))
        if now - began >= WINDOW_SECONDS:
            if count > REPEATS_MAX:
                event_dict["suppressed"] = count - REPEATS_MAX
            began, count = now, 0
        self._seen[key] = (began, count + 1)
        self._seen.move_to_end(key)
        if len(self._seen) > KEYS_REMEMBERED_MAX:
            self._seen.popitem(last=False)
        if count >= REPEATS_MAX:
            raise structlog.DropEvent
        return event_dict


def _redacting(secret_types: tuple[type, ...]) -> Processor:
    def clean(value: Any) -> Any:
        if isinstance(value, secret_types):
            return REDACTED
        if isinstance(value, msgspec.Struct):
            value = msgspec.structs.asdict(value)
        if isinstance(value, dict):
            return {
                str(name): REDACTED if _is_secret(name) else clean(inner)
                for name, inner in value.items()
            }
        if isinstance(value, list | tuple | set | frozenset):
            return [clean(inner) for inner in value]
        return value

    def redact(
        _logger: WrappedLogger, _method: str, event_dict: EventDict
    ) -> EventDict:
        cleaned: EventDict = clean(dict(event_dict))
        return cleaned

    return redact


def _is_secret(name: object) -> bool:
    return any(word in str(name).lower() for word in _SECRET_NAMES)


def _ordering(session: str | None) -> Processor:
    def order(_logger: WrappedLogger, _method: str, event_dict: EventDict) -> EventDict:
        if session is not None:
            event_dict.setdefault("session", session)
        first = [name for name in _FIRST_KEYS if name in event_dict]
        others = [name for name in event_dict if name not in _FIRST_KEYS]
        return {
            name: _bounded(event_dict[name], keep_lines=name == "exception")
            for name in (*first, *others)
        }

    return order


def _bounded(value: Any, *, keep_lines: bool) -> Any:
    if value is None or isinstance(value, float):
        return value
    if isinstance(value, int) and abs(value) < _INTEGER_MAX:
        return value
    text = value if isinstance(value, str) else str(value)
    if keep_lines:  # the end of a traceback says what happened
        return text[-VALUE_CHARACTERS_MAX:]
    kept = text[:VALUE_CHARACTERS_MAX]
    if not kept.isprintable():
        # A line break inside a value would forge a line of its own.
        kept = "".join(map(_visible, kept))[:VALUE_CHARACTERS_MAX]
    more = len(text) - VALUE_CHARACTERS_MAX
    return f"{kept}... ({more} more)" if more > 0 else kept


def _visible(sign: str) -> str:
    return sign if sign.isprintable() else sign.encode("unicode_escape").decode()


def _renderer(log_format: LogFormat, *, colours: bool) -> Processor:
    render: Processor
    if log_format is LogFormat.JSON:
        render = structlog.processors.JSONRenderer(_json)
    else:
        render = structlog.dev.ConsoleRenderer(
            colors=colours,
            sort_keys=False,
            exception_formatter=structlog.dev.plain_traceback,
        )

    def write(logger: WrappedLogger, method: str, event_dict: EventDict) -> str:
        line = str(render(logger, method, dict(event_dict)))
        if len(line) > LINE_CHARACTERS_MAX:
            kept: EventDict = {
                name: str(event_dict[name])[:_CUT_CHARACTERS]
                for name in _FIRST_KEYS
                if name in event_dict
            }
            kept["cut_characters"] = len(line)
            line = str(render(logger, method, kept))
        return line

    return write


def _json(line: EventDict, **_structlog_options: Any) -> str:
    return msgspec.json.encode(line).decode()
