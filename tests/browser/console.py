"""A person at the console: signs in, looks, presses, types the word, reads the end."""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright
from playwright.sync_api import TimeoutError as PatienceOver

#: Playwright's own downloads are not used: the browser is the system's.
NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update"),
    "--disable-sync",
]
PAGES = (
    *("", "symbols", "symbols/BTC%2FUSDT%3AUSDT", "funnel", "positions", "risk"),
    *("reconcile", "performance", "records", "presets", "presets/breakout_v1"),
    "settings",
)
PATIENCE_MS = 60_000
#: So long a command may stay out of reach before what it is about has gone.
GONE_MS = 10_000
#: A first entry of the demo market may take so long.
TRADE_MS = 180_000


def chromium_path() -> str | None:
    """Where the browser is; None: there is none on this machine."""
    named = os.environ.get("CONSOLE_CHROMIUM")
    return named or next(filter(None, map(shutil.which, NAMES)), None)


def artifacts() -> Path:
    """Where pictures are kept: named by the environment, or below `build/`."""
    named = os.environ.get("CONSOLE_PICTURES")
    folder = Path(named or Path(__file__).parents[2] / "build") / "browser"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextmanager
def browser(path: str) -> Iterator[Browser]:
    """Start the system's Chromium without a window."""
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=FLAGS)
        try:
            yield started
        finally:
            started.close()


class Console:
    """One page of one person, and everything that its browser complained about."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url
        self.complaints: list[str] = []
        self.foreign: list[str] = []  # requests to anywhere but the engine
        self.answer = ""  # all that the newest command's end says
        page.set_default_timeout(PATIENCE_MS)
        expect.set_options(timeout=PATIENCE_MS)
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self._see(request.url))

    def _hear(self, said: object) -> None:
        kind, text = getattr(said, "type", ""), getattr(said, "text", "")
        if kind in {"error", "warning"}:
            self.complaints.append(f"{kind}: {text}")

    def _see(self, url: str) -> None:
        if not url.startswith((self.url, "data:", "blob:")):
            self.foreign.append(url)

    # --- the way in -------------------------------------------------------------------

    def follow(self, link: str) -> None:
        """Open the link that the engine printed."""
        self.page.goto(link)
        self.live()

    def sign_in(self, token: str) -> None:
        """Paste a token."""
        self.page.goto(f"{self.url}/")
        self.page.get_by_label("Access token").fill(token)
        self.page.get_by_role("button", name="Sign in").click()
        self.live()

    def live(self) -> None:
        """Wait until the stream has told the engine's state."""
        state = self.page.get_by_role("banner").get_by_title("State of the engine")
        expect(state).to_be_visible()

    def go(self, path: str) -> None:
        """Go to a page without loading the console anew."""
        self.page.evaluate(
            "path => { history.pushState({}, '', path);"
            " dispatchEvent(new PopStateEvent('popstate')); }",
            f"/{path}",
        )
        expect(self.page.get_by_role("heading", level=1)).to_be_visible()

    # --- what is there ----------------------------------------------------------------

    @property
    def state(self) -> Locator:
        return self.page.get_by_role("banner").get_by_title("State of the engine")

    def open_positions(self) -> Locator:
        """The rows of what is held, on the page of positions."""
        table = self.page.get_by_role("table", name="Open positions")
        return table.get_by_role("row").filter(
            has=self.page.get_by_role("button", name=re.compile("^Close half"))
        )

    def held(self) -> str:
        """Wait for a position, and name its symbol."""
        self.go("positions")
        row = self.open_positions().first
        row.wait_for(timeout=TRADE_MS)
        return row.get_by_role("rowheader").get_by_role("button").inner_text()

    # --- what is ordered --------------------------------------------------------------

    def press(self, name: str | re.Pattern[str], word: str = "") -> str:
        """Press a command, type its word if it asks for one; returns how it ended."""
        self.page.get_by_role("button", name=name).first.click()
        if word:
            return self.confirm(word)
        notices = self.page.get_by_role("region", name="Command answers")
        return self._ended(notices.get_by_role("status").first)

    def confirm(self, word: str) -> str:
        """Type the word into the open dialog, give the command, read its end."""
        dialog = self.page.get_by_role("dialog")
        act = dialog.locator("button[type=submit]")
        expect(act).to_be_disabled()  # nothing dangerous without its word
        dialog.get_by_label(re.compile("^Type ")).fill(word)
        gone = dialog.get_by_text("closed in the meantime")
        try:
            act.click(timeout=GONE_MS)
        except PatienceOver:
            # A stop may be faster than a person: the dialog says so, and acts no more.
            if not gone.is_visible():
                raise
            self.answer = gone.inner_text()
            dialog.get_by_role("button", name="Cancel").click()
            return "gone"
        ended = self._ended(dialog.get_by_role("status"))
        dialog.get_by_role("button", name=re.compile("^(Close|Done)$")).click()
        return ended

    def _ended(self, status: Locator) -> str:
        expect(status).to_have_attribute("data-end", re.compile("done|refused|unknown"))
        expect(status).to_contain_text("Command ")  # its id, to find it in the audit
        self.answer = status.inner_text()
        return str(status.get_attribute("data-end"))
