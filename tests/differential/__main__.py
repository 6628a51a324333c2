"""Runs the differential and prints its counts as JSON.

`python -m tests.differential` asks the sample of exchanges, `--all` every class that
ccxt ships; `--only rest` or `--only stream`; `--exchanges rest:kraken,binance`.
"""

import argparse
import ast
import importlib.util
import json
import sys
import time
from collections import Counter
from pathlib import Path

from tests.differential import sample
from tests.differential.compare import Result, compare

#: Raw endpoints asked of one exchange.
ENDPOINTS, ENDPOINTS_ALL = 20, 10_000
CHUNK = 6


def main() -> None:
    """Run what was asked for; exit with 1 if anything differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--only", choices=("rest", "stream"))
    parser.add_argument("--exchanges", default="")
    parser.add_argument("--show", type=int, default=20, help="differences to print")
    options = parser.parse_args()
    report: dict[str, object] = {}
    differing = 0
    for what in ("rest", "stream"):
        if options.only not in {None, what}:
            continue
        named = options.exchanges.split(",") if options.exchanges else None
        chosen = named or (every(what) if options.all else _sample(what))
        most = ENDPOINTS_ALL if options.all else ENDPOINTS
        started = time.monotonic()
        result = _run(what, chosen, most, options.show)
        differing += len(result.differences)
        by_aspect = Counter(difference.aspect for difference in result.differences)
        seconds = round(time.monotonic() - started, 1)
        report[what] = {**result.counts, "different": by_aspect, "seconds": seconds}
    print(json.dumps(report))
    sys.exit(1 if differing else 0)


def _sample(what: str) -> tuple[str, ...]:
    return sample.REST if what == "rest" else sample.STREAM


def _run(what: str, chosen: tuple[str, ...], most: int, show: int) -> Result:
    counts: Counter[str] = Counter()
    differences = []
    for start in range(0, len(chosen), CHUNK):
        result = compare(what, chosen[start : start + CHUNK], most)
        counts.update(result.counts)
        for difference in result.differences:
            if len(differences) < show:
                print(json.dumps(difference._asdict(), indent=1), file=sys.stderr)
            differences.append(difference)
        done = f"{start + len(chosen[start : start + CHUNK])}/{len(chosen)}"
        print(f"{what} {done} {dict(counts)}", file=sys.stderr)
    return Result(dict(counts), differences)


def every(what: str) -> tuple[str, ...]:
    """Give every class that ccxt ships, as its packages list them."""
    prediction = tuple(f"prediction:{name}" for name in _listed("prediction"))
    if what == "rest":
        return (*(f"rest:{name}" for name in _listed("async_support")), *prediction)
    return (*_listed("pro"), *prediction)


def _listed(package: str) -> list[str]:
    spec = importlib.util.find_spec("ccxt")
    assert spec is not None
    assert spec.submodule_search_locations
    text = (
        Path(spec.submodule_search_locations[0]) / package / "__init__.py"
    ).read_text()
    tree = ast.parse(text)
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "exchanges":
            return list(ast.literal_eval(node.value))
    msg = f"ccxt.{package} lists no exchanges"
    raise AssertionError(msg)


if __name__ == "__main__":
    main()
