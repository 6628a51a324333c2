"""A browser and a running engine, once for all browser tests; without one they skip."""

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext

from control.console import console_routes
from tests.browser.console import Console, artifacts, browser, chromium_path
from tests.browser.cutting import Wire
from tests.wire.engine_process import EngineProcess, free_port, keep_viewer, running

SYMBOLS = "40"
SPEED = "60"  # a bar a second: a position lives long enough to be handled

Visit = Callable[..., Console]


def missing() -> str:
    """Why no browser test can run here; empty when they can."""
    if chromium_path() is None:
        return "there is no Chromium on this machine; CONSOLE_CHROMIUM may name one"
    if not any(route.path.startswith("/assets/") for route in console_routes()):
        return "the console was not built; see the plain page for the reason"
    return ""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip with the reason, or fail where the whole suite was asked for."""
    why = missing()
    here = Path(__file__).parent
    for item in items:
        if why and here in item.path.parents and not os.environ.get("CI"):
            item.add_marker(pytest.mark.skip(reason=why))


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    why = missing()
    assert not why, f"CI needs the browser tests: {why}"
    path = chromium_path()
    assert path is not None
    with browser(path) as started:
        yield started


@pytest.fixture(scope="package")
def wire_port() -> int:
    return free_port()


@pytest.fixture(scope="package")
def engine(
    tmp_path_factory: pytest.TempPathFactory, wire_port: int
) -> Iterator[EngineProcess]:
    folder = tmp_path_factory.mktemp("browsed")
    keep_viewer(folder)
    settings = {
        "BREAKOUT_CONTROL_ORIGINS": f"http://127.0.0.1:{wire_port}",
        # Every person of these tests comes from one address, one after another.
        "BREAKOUT_CONTROL_ADDRESS_RATE_PER_SECOND": "10000",
    }
    words = ("--symbols", SYMBOLS, "--speed", SPEED)
    with running(folder, *words, **settings) as started:
        yield started


@pytest.fixture(scope="package")
def wire(engine: EngineProcess, wire_port: int) -> Iterator[Wire]:
    made = Wire(engine.port, wire_port)
    yield made
    made.close()


@pytest.fixture
def visit(chromium: Browser, engine: EngineProcess) -> Iterator[Visit]:
    """Open a page for one more person."""
    contexts: list[BrowserContext] = []

    def open_page(
        *, width: int = 1440, scheme: str = "light", url: str | None = None
    ) -> Console:
        height = 900 if width > 600 else 844
        context = chromium.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if scheme == "dark" else "light",
        )
        contexts.append(context)
        return Console(context.new_page(), url or engine.url)

    open_page.contexts = contexts  # type: ignore[attr-defined]
    yield open_page
    for context in contexts:
        context.close()


def printed_link(engine: EngineProcess) -> str:
    """The sign-in link as the engine printed it."""
    found = re.search(r"sign in: (\S+)", engine.output)
    assert found is not None, engine.output
    return found[1]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Iterator[None]:
    """Keep a picture of what was there when a test failed."""
    report = yield
    visit = getattr(item, "funcargs", {}).get("visit")
    if call.when == "call" and call.excinfo is not None and visit is not None:
        for number, context in enumerate(visit.contexts):
            for page in context.pages:
                page.screenshot(path=artifacts() / f"failed-{item.name}-{number}.png")
    return report
