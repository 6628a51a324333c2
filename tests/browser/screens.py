"""Makes the pictures of the README: `python -m tests.browser.screens docs/pictures`.

Starts an engine on the demo market, waits for trades, and takes the pages as they are.
"""

import sys
import tempfile
from pathlib import Path

from tests.browser.console import Console, browser, chromium_path
from tests.wire.engine_process import TOKEN, running

SYMBOLS = "60"
SPEED = "120"
WIDTH, HEIGHT = 1440, 900
#: So long the engine lives before its picture is taken: some trades have ended.
LIVED_MS = 90_000


def main() -> int:
    folder, path = Path(sys.argv[1]), chromium_path()
    if path is None:
        print("there is no Chromium on this machine", file=sys.stderr)
        return 1
    folder.mkdir(parents=True, exist_ok=True)
    words = ("--symbols", SYMBOLS, "--speed", SPEED)
    with (
        tempfile.TemporaryDirectory() as place,
        running(Path(place), *words) as engine,
        browser(path) as chromium,
    ):
        page = chromium.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        console = Console(page, engine.url)
        console.sign_in(TOKEN)
        console.page.wait_for_timeout(LIVED_MS)
        symbol = console.held()
        console.go("")
        console.page.wait_for_timeout(1_500)
        console.page.screenshot(path=folder / "overview.png")
        console.page.emulate_media(color_scheme="dark")
        console.go(f"symbols/{symbol.replace('/', '%2F').replace(':', '%3A')}")
        console.page.wait_for_timeout(2_500)
        console.page.screenshot(path=folder / "symbol.png")
    return 0


if __name__ == "__main__":
    sys.exit(main())
