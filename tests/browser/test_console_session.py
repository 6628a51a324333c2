"""An hour at the console: what a person does with a running engine."""

import re

from playwright.sync_api import expect

from tests.browser.conftest import Visit, printed_link
from tests.browser.console import Console
from tests.browser.cutting import Wire
from tests.wire.engine_process import TOKEN, VIEWER, EngineProcess

WORKING = re.compile("SCANNING|LEVEL|SIGNAL|SIZING|EXECUTION|MANAGING")


def signed_in(visit: Visit) -> Console:
    console = visit()
    console.sign_in(TOKEN)
    return console


def test_the_printed_link_signs_in_once(engine: EngineProcess, visit: Visit) -> None:
    link = printed_link(engine)
    console = visit()
    console.follow(link)
    assert "ticket" not in console.page.url
    again = visit()
    again.page.goto(link)
    expect(again.page.get_by_role("alert")).to_be_visible()
    assert console.foreign == []
    assert console.complaints == []


def test_start_is_refused_while_it_runs_and_says_why(visit: Visit) -> None:
    console = signed_in(visit)
    start = console.page.get_by_role("button", name="Start", exact=True)
    expect(start).to_have_attribute("aria-disabled", "true")
    expect(start).to_have_accessible_description(re.compile("not possible in"))


def test_stopped_and_started_the_machine_moves(visit: Visit) -> None:
    console = signed_in(visit)
    assert console.press("Stop", "STOP") == "done"
    expect(console.state).to_contain_text("IDLE")
    assert console.press(re.compile("^Start$")) == "done"
    expect(console.state).to_contain_text(WORKING)
    steps = console.page.get_by_text("INITIALIZING → SCANNING")
    expect(steps.first).to_be_visible()


def half_closed(console: Console) -> str:
    """Close half of a position; a stop may be faster than a person, then another."""
    for _ in range(10):
        symbol = console.held()
        console.page.get_by_role("button", name=f"Close half of {symbol}").click()
        if console.confirm("CLOSE") == "done":
            return symbol
        assert re.search(
            "no open position|closed already|closed in the meantime", console.answer
        )
    raise AssertionError(console.answer)


def test_half_a_position_closes_and_its_chart_shows_it(visit: Visit) -> None:
    console = signed_in(visit)
    symbol = half_closed(console)
    console.page.get_by_role("radio", name=re.compile("^Ended")).click()
    ended = console.page.get_by_role("table", name="Orders")
    closes = ended.get_by_role("row").filter(has_text="close").filter(has_text=symbol)
    expect(closes.first).to_contain_text(re.compile("filled", re.IGNORECASE))
    closes.first.get_by_role("button").first.click()
    timeline = console.page.get_by_role("region", name="Details")
    expect(timeline).to_contain_text("intent")
    console.go(f"symbols/{symbol.replace('/', '%2F').replace(':', '%3A')}")
    chart = console.page.get_by_role("img", name=re.compile("^Candles of"))
    expect(chart).to_be_visible()


def test_pause_holds_entries_and_resume_takes_them_again(visit: Visit) -> None:
    console = signed_in(visit)
    banner = console.page.get_by_role("banner")
    banner.get_by_role("button", name="Pause").click()
    expect(console.page.get_by_text("takes no entries")).to_be_visible()
    banner.get_by_role("button", name="Resume").click()
    expect(console.page.get_by_text("takes entries", exact=True)).to_be_visible()


def test_flatten_closes_all_and_pauses(visit: Visit) -> None:
    console = signed_in(visit)
    console.held()
    assert console.press("Flatten all…", "FLATTEN") == "done"
    expect(console.open_positions()).to_have_count(0)
    expect(console.state).to_contain_text("PAUSED")
    assert console.press(re.compile("^Resume$")) == "done"


def test_one_symbol_is_paused_and_let_go_on(visit: Visit) -> None:
    console = signed_in(visit)
    console.go("symbols")
    console.page.get_by_label("Filter symbols").fill("BTC")
    row = console.page.get_by_role("row").filter(has_text="BTC/USDT")
    row.get_by_role("button", name=re.compile("^Pause")).click()
    expect(row).to_contain_text("PAUSED")
    row.get_by_role("button", name=re.compile("^Resume")).click()
    expect(row).not_to_contain_text("PAUSED")


def test_an_edited_preset_is_refused_then_saved_for_the_next_start(
    visit: Visit,
) -> None:
    console = signed_in(visit)
    console.go("presets/breakout_v1")
    page = console.page
    page.get_by_role("radio", name="Edit", exact=True).click()
    field = page.get_by_label("risk per trade", exact=True)
    field.fill("7")  # seven times the account
    field.blur()
    expect(field).to_have_attribute("aria-invalid", "true")
    save = page.get_by_role("button", name="Save for the next start")
    expect(save).to_have_attribute("aria-disabled", "true")
    field.fill("0.005")
    field.blur()
    page.get_by_label(re.compile("^Save as")).fill("half_risk")
    expect(save).to_have_attribute("aria-disabled", "false")
    save.click()
    expect(page).to_have_url(re.compile("presets/half_risk"))
    expect(page.get_by_text("version 1", exact=True)).to_be_visible()


def test_a_viewer_sees_no_command(visit: Visit) -> None:
    console = visit()
    console.sign_in(VIEWER)
    # An order is named "stop" or "close" by what it is for: that is no command.
    names = "pause|resume|kill|flatten|start|reset|cancel|restart|release|close half"
    words = re.compile(rf"^({names})\b", re.IGNORECASE)  # no chip such as PAUSED 0
    for page in ("", "symbols", "positions", "risk", "reconcile", "presets"):
        console.go(page)
        console.page.wait_for_load_state("networkidle")
        assert console.page.get_by_role("button", name=words).count() == 0, page


def test_a_lost_connection_greys_the_page_and_resumes_by_itself(
    visit: Visit, wire: Wire
) -> None:
    console = visit(url=f"http://127.0.0.1:{wire.port}")
    console.sign_in(TOKEN)
    console.page.evaluate("window.untouched = true")
    wire.cut()
    lost = console.page.get_by_test_id("connection-lost")
    expect(lost).to_contain_text(re.compile(r"Connection lost for \d+"))
    pause = console.page.get_by_role("banner").get_by_role("button", name="Pause")
    expect(pause).to_have_attribute("aria-disabled", "true")
    wire.mend()
    expect(lost).to_be_hidden()
    expect(console.page.get_by_role("banner").get_by_text("live")).to_be_visible()
    assert console.page.evaluate("window.untouched") is True  # no reload


def test_the_kill_switch_trips_latches_and_is_reset(visit: Visit) -> None:
    """The last of this file: it leaves the engine stopped."""
    console = signed_in(visit)
    console.go("risk")
    banner = console.page.get_by_role("banner")
    banner.get_by_role("button", name="Kill").click()
    assert console.confirm("KILL") == "done"
    expect(console.state).to_contain_text("EMERGENCY")
    phases = console.page.get_by_role("list", name="Phases of the kill switch")
    expect(phases.locator("[aria-current=step]")).to_contain_text("LATCHED")
    assert console.press(re.compile("^Reset"), "RESET") == "done"
    expect(console.state).to_contain_text(re.compile("IDLE|STOPPED"))
    console.go("")
    assert console.press(re.compile("^Start$")) == "done"
