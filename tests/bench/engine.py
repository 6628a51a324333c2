"""How fast the whole engine replays a recording: `python -m tests.bench.engine [FILE]`.

Each run is a process of its own, so that its CPU and memory are its own. Without a
file the recorded 15-minute market beside the checkout is taken.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

from tests.recorded import ROOT

RUNS = 3
BARS_PER_CPU_SECOND_WANTED = 50_000
PEAK_RSS_MB_WANTED = 600
FIGURES = ("bars_per_cpu_s", "events_per_cpu_s", "cpu_s", "load_s", "peak_rss_mb")


def replay(path: Path) -> dict[str, float]:
    """Replay a recording once and give its report."""
    with tempfile.TemporaryDirectory() as place:
        report = Path(place) / "report.json"
        command = (
            *(sys.executable, "-m", "control.cli", "run", "--port", "0"),
            *("--market", f"replay:{path}", "--speed", "max", "--exit-at-end"),
            *("--report", str(report)),
        )
        subprocess.run(command, check=True, capture_output=True)
        return json.loads(report.read_text())


def main() -> None:
    path = (
        Path(sys.argv[1])
        if len(sys.argv) > 1
        else ROOT / "candles" / "binance_usdm_15m.parquet"
    )
    replay(path)  # compiles, and warms the file cache
    reports = [replay(path) for _ in range(RUNS)]
    figures = {name: median(report[name] for report in reports) for name in FIGURES}
    print(
        json.dumps(
            {
                "market": path.name,
                "symbols": reports[0]["symbols"],
                "bars": reports[0]["bars"],
                "trades": reports[0]["trades"],
                **figures,
                "same_trades": all(
                    report["trades_list"] == reports[0]["trades_list"]
                    for report in reports
                ),
                "bars_per_cpu_s_wanted": BARS_PER_CPU_SECOND_WANTED,
                "peak_rss_mb_wanted": PEAK_RSS_MB_WANTED,
            },
            indent=2,
        )
    )


if __name__ == "__main__":
    main()
