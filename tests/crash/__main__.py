"""Print the table of crash points and phases, then kill at random; end with JSON.

`python -m tests.crash`, `python -m tests.crash --kills 1000 --seed 7`,
`python -m tests.crash --cell managing-stop_sent-changed`, `--cell random-70098`.
"""

import argparse
import sys
import time
from collections import Counter

import msgspec

from tests.crash.cells import RANDOM_KILLS_PER_RUN, RandomRun, Result
from tests.crash.pool import Pool
from tests.crash.scenarios import IMPOSSIBLE
from tests.crash.table import run_table, task_named

RUNS_EACH = 20  # random runs handed out at a time


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument("--kills", type=int, default=50, help="random kills")
    parser.add_argument("--seed", type=int, default=1, help="of the first random run")
    parser.add_argument(
        "--passings", type=int, default=1, help="so deep into each point of the table"
    )
    parser.add_argument("--no-table", action="store_true", help="only random kills")
    parser.add_argument("--cell", help="one cell or random run, with its log")
    asked = parser.parse_args()
    began = time.perf_counter()
    with Pool() as pool:
        if asked.cell is not None:
            task = task_named(asked.cell)
            return _show({task.name: pool.submit(task).result()}, log=True)
        results: dict[str, Result] = {}
        missed: list[str] = []
        if not asked.no_table:
            table = run_table(pool, asked.passings)
            results, missed = table.cells, table.missed()
            print(table.text())
            print("(kills landed/cells with violations; -: cannot be passed there)")
            for reason in sorted(set(IMPOSSIBLE.values())):
                print(f"  - {reason}")
        results |= random_kills(pool, asked.kills, asked.seed)
    status = _show({name: one for name, one in results.items() if one.found})
    for name in missed:
        print(f"MISSED {name}")
    rules = Counter(found.rule for one in results.values() for found in one.found)
    summary = {
        "tasks": len(results),
        "kills": sum(one.landed for one in results.values()),
        "with_violations": sum(bool(one.found) for one in results.values()),
        "rules": dict(rules.most_common()),
        "missed": len(missed),
        "seconds": round(time.perf_counter() - began, 1),
    }
    print(msgspec.json.encode(summary).decode())
    return status or bool(missed)


def random_kills(pool: Pool, kills: int, seed: int) -> dict[str, Result]:
    """Go on until so many kills have landed; a run that ended itself counts none."""
    results: dict[str, Result] = {}
    landed = 0
    while landed < kills:
        wanted = min(RUNS_EACH, -(-(kills - landed) // RANDOM_KILLS_PER_RUN))
        runs = range(seed, seed + wanted)
        futures = {one: pool.submit(RandomRun(seed=one)) for one in runs}
        for one, future in futures.items():
            results[RandomRun(seed=one).name] = future.result()
            landed += future.result().landed
        assert landed, "no kill has landed: the engine ends by itself"
        seed += wanted
    return results


def _show(results: dict[str, Result], *, log: bool = False) -> int:
    """Print what was found; 1 when anything was."""
    for name, one in results.items():
        for found in one.found:
            print(f"{name} ({one.phase}): {found.rule}: {found.facts}")
        if log:
            print(f"landed {one.landed}, {one.seconds:.2f} s\n{one.log}")
    return int(any(one.found for one in results.values()))


if __name__ == "__main__":
    sys.exit(main())
