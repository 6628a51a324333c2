"""One side of the differential: `python -m tests.differential.side stock|trio ...`.

Reads the ids of exchanges and how much to ask, runs the plan, and prints one line of
JSON for each call. The stock side is the only place where asyncio may run.
"""

import importlib
import json
import sys
import warnings
from collections.abc import Awaitable, Callable
from typing import Any, TextIO

from tests.differential.loops import run_asyncio, run_trio

Loops = Any


def main() -> None:
    """Run the plan of every exchange named and write what happened."""
    side, what, most, *ids = sys.argv[1:]
    warnings.simplefilter("ignore")  # both sides warn of different things
    out = sys.stdout
    sys.stdout = sys.stderr  # ccxt's verbose prints must not get in between
    if side == "trio":
        importlib.import_module("actors.exchange.ccxtrio")  # before ccxt itself
    class_of = _trio_class if side == "trio" else _stock_class
    run = run_trio if side == "trio" else run_asyncio
    run(lambda loop: _all(loop, class_of, what, int(most), ids, out))


async def _all(
    loop: Any,
    class_of: Callable[[str], Any],
    what: str,
    most: int,
    ids: list[str],
    out: TextIO,
) -> None:
    if what == "rest":
        from tests.differential.rest_run import run  # noqa: PLC0415 - ccxt comes first
    else:
        from tests.differential.stream_run import run  # noqa: PLC0415
    driver: Callable[..., Awaitable[None]] = run
    for name in ids:

        def write(call: str, record: dict[str, Any], name: str = name) -> None:
            line = {"exchange": name, "call": call, **record}
            out.write(json.dumps(line, sort_keys=True) + "\n")
            out.flush()

        await driver(loop, class_of(name), most, write)


def _trio_class(name: str) -> Any:
    """`binance` streams and asks, `rest:binance` and `prediction:kalshi` say which."""
    from actors.exchange.ccxtrio.classes import Family, exchange_class  # noqa: PLC0415

    family, _, exchange_id = name.rpartition(":")
    return exchange_class(exchange_id, Family[(family or "stream").upper()])


def _stock_class(name: str) -> Any:
    family, _, exchange_id = name.rpartition(":")
    packages = {"rest": "ccxt.async_support", "prediction": "ccxt.prediction"}
    package = importlib.import_module(packages.get(family, "ccxt.pro"))
    return getattr(package, exchange_id)


if __name__ == "__main__":
    main()
