"""How the console bears hundreds of symbols at 10 Hz, by the browser's own counters.

`python -m tests.bench.console --symbols 300 --seconds 20` prints JSON: frames a second
on the pages that move most, the heap after it, and what the page's own thread used.
"""

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

import msgspec
from playwright.sync_api import CDPSession

from tests.browser.console import Console, browser, chromium_path
from tests.wire.engine_process import TOKEN, running

#: Market seconds a second: ten bars of a minute each, so that every row moves at 10 Hz.
SPEED = "600"
MOVING = ("", "symbols", "symbols/BTC%2FUSDT%3AUSDT")
FRAMES = """seconds => new Promise(done => {
  const began = performance.now(), gaps = [];
  let last = began;
  const step = now => {
    gaps.push(now - last);
    last = now;
    if (now - began < seconds * 1000) return requestAnimationFrame(step);
    gaps.sort((one, other) => one - other);
    done({
      frames_per_second: gaps.length / ((now - began) / 1000),
      gap_ms_p99: gaps[Math.floor(gaps.length * 0.99)],
    });
  };
  requestAnimationFrame(step);
})"""


def counters(session: CDPSession) -> dict[str, float]:
    """The browser's own counters of this page."""
    told = session.send("Performance.getMetrics")["metrics"]
    return {one["name"]: one["value"] for one in told}


def watched(console: Console, page: str, seconds: int) -> dict[str, Any]:
    """Look at one page for so long."""
    session = console.page.context.new_cdp_session(console.page)
    session.send("Performance.enable")
    console.go(page)
    console.page.wait_for_timeout(2_000)  # charts draw themselves once
    before = counters(session)
    frames = console.page.evaluate(FRAMES, seconds)
    after = counters(session)
    session.send("HeapProfiler.collectGarbage")
    kept = counters(session)
    spent = after["TaskDuration"] - before["TaskDuration"]
    return {
        **{name: round(value, 1) for name, value in frames.items()},
        "heap_mb": round(after["JSHeapUsedSize"] / 2**20, 1),
        "heap_mb_after_collection": round(kept["JSHeapUsedSize"] / 2**20, 1),
        "main_thread_share": round(spent / seconds, 3),
        "dom_nodes": int(kept["Nodes"]),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--symbols", type=int, default=300)
    parser.add_argument("--seconds", type=int, default=20)
    asked = parser.parse_args()
    path = chromium_path()
    if path is None:
        print("there is no Chromium on this machine", file=sys.stderr)
        return 1
    words = ("--symbols", str(asked.symbols), "--speed", SPEED)
    with (
        tempfile.TemporaryDirectory() as folder,
        running(Path(folder), *words) as engine,
        browser(path) as chromium,
    ):
        console = Console(chromium.new_page(), engine.url)
        console.sign_in(TOKEN)
        pages = {
            page or "overview": watched(console, page, asked.seconds) for page in MOVING
        }
    print(msgspec.json.encode({"symbols": asked.symbols, "pages": pages}).decode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
