"""The terminal's live view, and the mirror that it draws."""

import io

import msgspec
import trio
from rich.console import Console

from actors.domain.messages import Role
from actors.domain.phases import Phase
from control import wire
from control.away.client import connect
from control.away.mirror import Mirror
from control.away.terminal import screen, watch
from tests.engines import position
from tests.planes import SECRETS
from tests.wire.planes import served


def said(seq: int, kind: str, topic: str, body: object) -> wire.Envelope:
    return wire.Envelope(seq, 0, kind, topic, body)


def drawn(mirror: Mirror) -> str:
    console = Console(width=120, file=io.StringIO(), record=True)
    console.print(screen(mirror, "a title"))
    return console.export_text()


ROW = {
    "symbol": "ETH/USDT",
    "phase": "SCANNING",
    "lastPrice": 1.5,
    "score": None,
    "nearestLevelAtr": 0.5,
    "quarantineReason": None,
    "lastDecision": "volume 1 of 2",
}


def test_the_screen_shows_state_positions_steps_and_symbols() -> None:
    mirror = Mirror()
    assert "connecting" in drawn(mirror)
    held = msgspec.json.decode(wire.encode(wire.position_row(position(1))))
    mirror.apply(said(1, "SNAPSHOT", "engine", {"state": {"state": "MANAGING"}}))
    mirror.apply(said(1, "POSITION_OPEN", "positions", held))
    mirror.apply(said(1, "SYMBOL", "symbols", ROW))
    moved = {"position_id": "p-1", "old_sl": 99.5, "new_sl": 100.7}
    mirror.apply(said(2, "STOP_MOVED", "positions", moved))
    step = {"from": "A", "to": "B", "symbol": None, "reason": "because"}
    mirror.apply(said(1, "TRANSITION", "transitions", step))
    text = drawn(mirror)
    for word in ("MANAGING", "BTC/USDT", "100.7", "ETH/USDT", "volume 1", "A -> B"):
        assert word in text
    assert mirror.gaps == 0


def test_a_lost_event_is_counted_and_a_snapshot_heals_it() -> None:
    mirror = Mirror()
    mirror.apply(said(5, "SNAPSHOT", "why", {"items": []}))
    mirror.apply(said(6, "WHY", "why", {}))
    mirror.apply(said(9, "SNAPSHOT", "why", {"items": []}))
    assert mirror.gaps == 0
    mirror.apply(said(11, "WHY", "why", {}))
    assert mirror.gaps == 1


async def test_without_a_terminal_watch_prints_a_line_for_each_transition() -> None:
    text = io.StringIO()
    async with (
        served() as plane,
        connect(plane.url, SECRETS[Role.VIEWER]) as client,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(watch, client, Console(file=text))
        await plane.followed("transitions")
        plane.engine.walk(Phase.INITIALIZING, Phase.SCANNING)
        with trio.fail_after(60):
            while text.getvalue().count("\n") < 2:  # noqa: ASYNC110 - a text has no event
                await trio.sleep(0.02)
        nursery.cancel_scope.cancel()
    lines = text.getvalue().splitlines()
    assert lines[0].endswith("IDLE -> INITIALIZING  test")
    assert lines[1].endswith("INITIALIZING -> SCANNING  test")


async def test_on_a_terminal_watch_draws_the_whole_screen() -> None:
    text = io.StringIO()
    console = Console(file=text, force_terminal=True, width=100, height=60)
    async with served() as plane, connect(plane.url, SECRETS[Role.VIEWER]) as client:
        plane.engine.walk(Phase.INITIALIZING, Phase.SCANNING)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(watch, client, console)
            with trio.fail_after(60):
                while "SCANNING" not in text.getvalue():  # noqa: ASYNC110 - a text has no event
                    await trio.sleep(0.02)
            nursery.cancel_scope.cancel()
    assert "open positions" in text.getvalue()
