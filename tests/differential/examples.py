"""Reads the example payloads that ccxt ships as comments in its own source files.

The wheel has no fixtures, but nearly every method shows in a comment what its exchange
answers. They are read where they are installed; nothing of them is kept here.
"""

import ast
import json
import re
import sys
from functools import cache
from pathlib import Path
from typing import Any

COMMENT = re.compile(r"^\s*# ?")
TRAIL = re.compile(r"\s+//[^\"\n]*$|(?<=[,{}\[\]])\s*//.*$", re.MULTILINE)
LOOSE_COMMA = re.compile(r",(\s*[}\]])")
ELLIPSIS = re.compile(r",?\s*\.\.\.[^\n]*")
EXAMPLE_CHARS_MAX = 60_000


def examples(exchange_class: type, method: str, limit: int) -> list[Any]:
    """Give the payloads shown in `method`, the most derived class first."""
    found: list[Any] = []
    for ancestor in exchange_class.__mro__:
        if (
            ancestor.__module__.startswith("ccxt.")
            and "base" not in ancestor.__module__
        ):
            found += _of_module(ancestor.__module__).get(method, ())
    return found[:limit]


def all_examples(exchange_class: type, prefixes: tuple[str, ...]) -> list[Any]:
    """Give every payload shown in a class's methods of these names."""
    found: list[Any] = []
    for ancestor in exchange_class.__mro__:
        module = ancestor.__module__
        if module.startswith(("ccxt.pro", "ccxt.prediction")):
            for method, payloads in _of_module(module).items():
                if method.startswith(prefixes):
                    found += payloads
    return found


def all_examples_of(module: str) -> list[Any]:
    """Give every payload shown in one module."""
    return [payload for found in _of_module(module).values() for payload in found]


@cache
def _of_module(name: str) -> dict[str, tuple[Any, ...]]:
    place = sys.modules[name].__file__
    assert place is not None
    text = Path(place).read_text()
    lines = text.splitlines()
    found: dict[str, tuple[Any, ...]] = {}
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            assert node.end_lineno is not None
            payloads = _payloads(lines[node.lineno : node.end_lineno])
            if payloads:
                found[node.name] = found.get(node.name, ()) + tuple(payloads)
    return found


def _payloads(lines: list[str]) -> list[Any]:
    found, block = [], []
    for line in [*lines, ""]:
        if line.lstrip().startswith("#"):
            block.append(COMMENT.sub("", line))
            continue
        if block:
            found += _in_block("\n".join(block))
            block = []
    return found


def _in_block(block: str) -> list[Any]:
    """Read each bracketed piece of a comment that is JSON, or nearly so."""
    found, place = [], 0
    while (start := _next_bracket(block, place)) >= 0:
        end = _closing(block, start)
        if end < 0:
            place = start + 1
            continue
        payload = _loads(block[start : end + 1])
        if isinstance(payload, (dict, list)) and payload:
            found.append(payload)
            place = end + 1
        else:
            place = start + 1
    return found


def _next_bracket(block: str, place: int) -> int:
    match = re.compile(r"^\s*([{\[])", re.MULTILINE).search(block, place)
    return -1 if match is None else match.start(1)


def _closing(block: str, start: int) -> int:
    depth = 0
    quoted = False
    for place in range(start, min(len(block), start + EXAMPLE_CHARS_MAX)):
        letter = block[place]
        if letter == '"' and block[place - 1] != "\\":
            quoted = not quoted
        elif not quoted and letter in "{[":
            depth += 1
        elif not quoted and letter in "}]":
            depth -= 1
            if depth == 0:
                return place
        elif letter == "\n":
            quoted = False
    return -1


def _loads(text: str) -> Any:
    cleaned = ELLIPSIS.sub("", TRAIL.sub("", text))
    for candidate in (text, cleaned, LOOSE_COMMA.sub(r"\1", cleaned)):
        try:
            return json.loads(candidate)
        except ValueError:
            continue
    return None
