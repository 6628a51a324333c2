"""Runs both sides and counts what is the same."""

import json
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[2]
SHOWN_CHARS = 600
#: What is compared of a call, and how the counts name it.
ASPECTS = {
    "rest": ("outcome", "requests", "asked", "state"),
    "stream": ("outcome", "frames", "dialled", "resolved", "handled", "requests"),
}


class Difference(NamedTuple):
    """One thing that the two sides do differently."""

    exchange: str
    call: str
    aspect: str
    stock: str
    trio: str


class Result(NamedTuple):
    """The counts of a run, and every difference."""

    counts: dict[str, int]
    differences: list[Difference]


def compare(what: str, exchanges: Sequence[str], most: int) -> Result:
    """Ask the exchanges on both sides; one pair of processes for all of them."""
    records = _both(what, exchanges, most)
    counts = {"exchanges": len(exchanges), "calls": 0}
    counts |= dict.fromkeys(ASPECTS[what], 0)
    counts |= {
        "requests_sent": 0,
        "frames_sent": 0,
        "raised": 0,
        "illegal": 0,
        "raced": 0,
    }
    differences = []
    if len(records["stock"]) != len(records["trio"]):
        differences.append(_lengths(records))
    for stock, trio in zip(records["stock"], records["trio"], strict=False):
        counts["calls"] += 1
        if _illegal(stock, trio):
            counts["illegal"] += 1
            continue
        counts["requests_sent"] += len(trio["requests"])
        counts["frames_sent"] += len(trio.get("frames", ()))
        counts["raised"] += trio["outcome"].startswith("raised")
        counts["raced"] += bool(trio["cut"])
        pair = (_kind_of(stock), _kind_of(trio)) if trio["cut"] else (stock, trio)
        for aspect in ASPECTS[what]:
            if pair[0][aspect] == pair[1][aspect]:
                counts[aspect] += 1
            else:
                differences.append(_difference(*pair, aspect))
    return Result(counts, differences)


def _both(what: str, exchanges: Sequence[str], most: int) -> dict[str, list[Any]]:
    """Run both sides at the same time, a core for each."""
    with TemporaryDirectory() as place:
        paths = {side: Path(place) / side for side in ("stock", "trio")}
        command = [sys.executable, "-m", "tests.differential.side"]
        with ExitStack() as stack:
            running = [
                subprocess.Popen(
                    [*command, side, what, str(most), *exchanges],
                    stdout=stack.enter_context(path.open("w")),
                    cwd=ROOT,
                )
                for side, path in paths.items()
            ]
            codes = [process.wait() for process in running]
        assert codes == [0, 0], "a side of the differential died, see above"
        return {
            side: [json.loads(line) for line in path.read_text().splitlines()]
            for side, path in paths.items()
        }


def _kind_of(record: dict[str, Any]) -> dict[str, Any]:
    """Keep of a race what is none: the kind of its error.

    When one of several requests fails, stock still sends the others and the adapter
    cuts them. Which of them had gone by then, or failed first, is a race.
    """
    kind = record["outcome"].partition(":")[0]
    return {**record, "outcome": kind, "requests": [], "asked": []}


def _illegal(stock: dict[str, Any], trio: dict[str, Any]) -> bool:
    """Whether stock sent a target that HTTP does not allow, and the adapter did not."""
    lines = [raw.split("\r\n")[0] for raw in stock["requests"]]
    bad = any(line.count(" ") > 2 or not line.isascii() for line in lines)
    return bad and trio["outcome"].startswith("raised ExchangeError")


def _lengths(records: dict[str, list[Any]]) -> Difference:
    stock, trio = (str(len(records[side])) for side in ("stock", "trio"))
    return Difference("all", "all", "number of calls", stock, trio)


def _difference(stock: dict[str, Any], trio: dict[str, Any], aspect: str) -> Difference:
    texts = [json.dumps(side[aspect]) for side in (stock, trio)]
    start = next(
        (
            place
            for place, pair in enumerate(zip(*texts, strict=False))
            if len({*pair}) > 1
        ),
        0,
    )
    cut = slice(max(0, start - SHOWN_CHARS // 3), start + SHOWN_CHARS)
    return Difference(
        trio["exchange"], trio["call"], aspect, texts[0][cut], texts[1][cut]
    )
