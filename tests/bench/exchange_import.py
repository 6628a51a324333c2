"""Times the import of one exchange in fresh processes, and prints JSON.

`python -m tests.bench.exchange_import [id ...]`: the CPU time from the start of Python
to an object of the exchange, trio and httpx included, and what the process then holds;
the least of five.
"""

import json
import subprocess
import sys

CHILD = """
import json, resource, sys, time
from actors.exchange.ccxtrio.classes import exchange_class
exchange = exchange_class(sys.argv[1])({})
modules = sum(name.startswith("ccxt.") for name in sys.modules)
status = open("/proc/self/status").read()
kilobytes = int(status.split("VmRSS:")[1].split()[0])
figures = {"cpu_ms": time.process_time() * 1000, "rss_mb": kilobytes / 1024}
print(json.dumps({**figures, "ccxt_modules": modules}))
"""
TRIES = 5


def main() -> None:
    """Measure each exchange that is named, or binance."""
    figures = {}
    for exchange_id in sys.argv[1:] or ["binance"]:
        tries = [json.loads(_child(exchange_id)) for _ in range(TRIES)]
        least = min(tries, key=lambda each: each["cpu_ms"])
        figures[exchange_id] = {name: round(figure) for name, figure in least.items()}
    print(json.dumps(figures))


def _child(exchange_id: str) -> str:
    command = [sys.executable, "-c", CHILD, exchange_id]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


if __name__ == "__main__":
    main()
