"""Every page, light and dark, wide and on a phone: pictures, and what axe finds."""

import re
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.browser.conftest import Visit
from tests.browser.console import PAGES, Console, artifacts
from tests.wire.engine_process import TOKEN

#: The name of what has the focus; nothing when that is the page itself.
FOCUSED = """() => {
  const at = document.activeElement;
  return (at?.getAttribute("aria-label") || at?.innerText || "").trim();
}"""
#: axe's own words for what keeps people out.
SERIOUS = {"serious", "critical"}
#: Wider than the screen by more than rounding: the page scrolls sideways.
OVERHANG_PIXELS_MAX = 1


def picture_name(page: str) -> str:
    return re.sub("[^a-z0-9]+", "-", page.lower()).strip("-") or "overview"


def faults(axe: Any, console: Console) -> list[str]:
    """Name each serious fault with the first place that has it."""
    found = axe.run(console.page).response["violations"]
    return [
        f"{one['id']}: {one['nodes'][0]['html'][:160]} ({len(one['nodes'])} places)"
        for one in found
        if one["impact"] in SERIOUS
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_every_page_shows_itself_to_everybody(
    visit: Visit, width: int, scheme: str
) -> None:
    console = visit(width=width, scheme=scheme)
    console.sign_in(TOKEN)
    axe, found = Axe(), {}
    for page in PAGES:
        console.go(page)
        console.page.wait_for_load_state("networkidle")
        expect(console.page.get_by_text("Loading")).to_have_count(0)
        name = f"{picture_name(page)}-{width}-{scheme}.png"
        console.page.screenshot(path=artifacts() / name)
        problems = faults(axe, console)
        over = console.page.evaluate(
            "document.documentElement.scrollWidth - innerWidth"
        )
        if over > OVERHANG_PIXELS_MAX:
            problems.append(f"{over} pixels wider than the screen")
        if problems:
            found[page or "overview"] = problems
    assert found == {}
    assert console.complaints == []
    assert console.foreign == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_sign_in_page_shows_itself_to_everybody(visit: Visit, scheme: str) -> None:
    console = visit(width=390, scheme=scheme)
    console.page.goto(console.url)
    console.page.get_by_label("Access token").wait_for()
    console.page.screenshot(path=artifacts() / f"sign-in-390-{scheme}.png")
    assert faults(Axe(), console) == []


def test_the_keyboard_alone_reaches_the_pages_and_the_commands(visit: Visit) -> None:
    console = visit()
    console.sign_in(TOKEN)
    page, reached = console.page, set()
    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_text(re.compile("skip", re.IGNORECASE))
    for _ in range(60):
        page.keyboard.press("Tab")
        words = page.evaluate(FOCUSED)
        reached.add(words.splitlines()[0] if words else "")
    assert {"Pause", "Kill", "Symbols", "Risk", "Settings", "Stop"} <= reached
    page.get_by_role("banner").get_by_role("button", name="Kill").focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_label(re.compile("^Type "))).to_be_focused()
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
