"""Which facts become notices, and how they are written."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from actors.domain.messages import Alert, Published, Transition
from actors.domain.phases import KillPhase, Phase
from actors.domain.severity import Severity
from control.notices.letter import BODY_CHARACTERS_MAX, Notice, notice_of, write_letter
from tests.engines import order, position

TS = 1_700_000_000_000


def told(kind: str, body: Any) -> Notice | None:
    return notice_of(Published("topic", kind, TS, body))


def alert(message: str, symbol: str | None = None) -> Alert:
    return Alert(TS, "internal", "error", "risk", symbol, message, "restarts in 1 s")


def test_an_alert_says_what_happened_and_what_is_done() -> None:
    found = told("ALERT", alert("failed with KeyError", "SOL/USDT"))
    assert found is not None
    assert found.severity is Severity.ERROR
    assert found.text == "SOL/USDT: failed with KeyError; restarts in 1 s"


def test_alerts_that_differ_in_numbers_only_repeat_each_other() -> None:
    first, second = (
        told("ALERT", alert("cpu is 91.5")),
        told("ALERT", alert("cpu is 7")),
    )
    other = told("ALERT", alert("disk is 91.5"))
    assert first is not None
    assert second is not None
    assert other is not None
    assert first.key == second.key != other.key


def test_a_position_is_told_when_it_opens_and_when_it_closes() -> None:
    opened = told("POSITION_OPEN", position(1))
    closing = msgspec.structs.replace(
        position(1, closed_ms=TS), pnl_r=Decimal("-1.02"), reason="stop"
    )
    closed = told("POSITION_CLOSE", closing)
    assert told("POSITION_UPDATE", position(1)) is None
    assert opened is not None
    assert closed is not None
    assert opened.key is closed.key is None
    assert opened.text.startswith("opened long BTC/USDT: 1.50 at 100.10, stop 99.5, ri")
    assert closed.text == "closed long BTC/USDT: -1.02 R, +0.00 USD (stop)"


@pytest.mark.parametrize(
    ("phase", "severity"),
    [(KillPhase.FLATTENING, Severity.CRITICAL), (KillPhase.ARMED, Severity.INFO)],
)
def test_each_phase_of_the_kill_switch_is_told(
    phase: KillPhase, severity: Severity
) -> None:
    body = {"reason": "daily loss", "triggered_at": TS, "phase": phase}
    found = told("KILL_SWITCH", body)
    assert found == Notice(severity, f"kill switch {phase}: daily loss", TS)


@pytest.mark.parametrize(
    ("target", "severity"),
    [
        (Phase.SIZING, None),
        (Phase.PAUSED, Severity.INFO),
        (Phase.EMERGENCY, Severity.CRITICAL),
    ],
)
def test_of_the_machine_only_what_matters_is_told(
    target: Phase, severity: Severity | None
) -> None:
    found = told("TRANSITION", Transition(TS, Phase.SCANNING, target, "r", None, {}))
    assert (None if found is None else found.severity) == severity


def test_orders_are_not_told() -> None:
    assert told("ORDER_PLACED", order(1)) is None


def test_a_letter_is_titled_by_its_worst_notice() -> None:
    notices = [Notice(Severity.INFO, "a", TS), Notice(Severity.ERROR, "b", TS)]
    letter = write_letter("breakout main", notices, 3)
    assert letter.severity is Severity.ERROR
    assert letter.title == "breakout main: error, 2 notices"
    assert letter.body.splitlines() == [
        "2023-11-14 22:13:20Z info: a",
        "2023-11-14 22:13:20Z error: b",
        "3 less severe notices were left out before this one",
    ]


def test_a_notice_is_one_line_of_bounded_length() -> None:
    found = told("ALERT", alert("x\nforged: y " + "z" * 10_000))
    assert found is not None
    assert "\n" not in found.text
    assert len(found.text) == 400


def test_a_notice_that_no_letter_holds_is_cut_where_all_can_see_it() -> None:
    endless = Notice(Severity.CRITICAL, "x\nforged: y " + "z" * 10_000, TS)
    letter = write_letter("breakout", [endless], 10**9)
    said, left_out = letter.body.splitlines()
    assert said.endswith("zzz...")
    assert left_out == "1000000000 less severe notices were left out before this one"
    assert len(letter.body) <= BODY_CHARACTERS_MAX
