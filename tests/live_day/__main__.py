"""Trade a live day against the loopback exchange, faults on; prints JSON.

    python -m tests.live_day --hours 10 --symbols 300 --speed 30

Two processes of their own: the exchange, and the engine in live mode with everything it
has. Exit code 1: a rule is broken, or nothing was traded.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import msgspec
import trio

from tests.live_day.day import FAULTS, Chosen, live_day


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=float, default=10.0, help="of the market")
    parser.add_argument("--symbols", type=int, default=300)
    parser.add_argument("--speed", type=float, default=30.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--strategy", default="breakout")
    parser.add_argument("--preset", default="breakout_v1")
    parser.add_argument("--faults", default=FAULTS, help="as exchange-sim takes them")
    parser.add_argument("--folder", help="keep journal and report in this one")
    given = vars(parser.parse_args())
    with tempfile.TemporaryDirectory() as folder:
        kept = Path(given.pop("folder") or folder)
        _, told = trio.run(live_day, Chosen(folder=kept, **given))
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(told)).decode() + "\n")
    return int(bool(told["broken"]) or not told["trades"])


if __name__ == "__main__":
    try:
        sys.exit(main())
    except subprocess.CalledProcessError as error:
        sys.exit(f"the engine ended with {error.returncode}")
