"""Writes values and errors so that two processes can be compared."""

import hashlib
import json
import re
from typing import Any

CHARS_MAX = 4_000
#: How either side says it.
CLOSED = ("CancelledError", "ExchangeClosedByUser: the connection was closed")
AGENT = re.compile(r"Python/[\d.]+ aiohttp/[\d.]+|python-httpx/[\d.]+")
HERE = re.compile(r"127\.0\.0\.1:\d+")


def canonical(value: Any) -> str:
    """Write a value as JSON; a long one is cut and its digest added."""
    text = json.dumps(value, default=_plain)
    if len(text) <= CHARS_MAX:
        return text
    digest = hashlib.sha256(text.encode()).hexdigest()
    return f"{text[:CHARS_MAX]}… {digest}"


def described(job: Any) -> str:
    """Say how a call ended."""
    if not job.done:
        return "still open"
    error = f"{type(job.error).__name__}: {job.error}"
    if error.startswith(CLOSED):
        return "raised that the connection was closed"
    if isinstance(job.error, TypeError):
        return "raised TypeError"  # in the words of this or that library
    if job.error is not None:
        return f"raised {error}"
    return f"gave {canonical(job.value)}"


def portless(text: str) -> str:
    """Leave out the port of loopback, and what a library calls itself unasked."""
    return AGENT.sub("the library", HERE.sub("127.0.0.1:PORT", text))


def _plain(value: Any) -> Any:
    name = type(value).__name__
    if name in {"StreamReader", "bytes"}:
        return "<content>"  # stock gives its reader, the adapter the bytes
    if isinstance(value, (set, frozenset)):
        return sorted(map(str, value))
    return f"<{name}>"
