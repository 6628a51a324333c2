"""The live view of `breakout ctl watch`: state, risk, alarms, positions, symbols."""

from typing import Any

import trio
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from control.away.client import Client
from control.away.mirror import Mirror

TOPICS = (
    *("engine", "transitions", "positions", "symbols", "alerts", "risk", "health"),
)
REDRAW_SECONDS = 0.25
TRANSITIONS_SHOWN = 6
LIMITS_SHOWN = 4
SYMBOLS_SHOWN = 15
ALARMS_SHOWN = 4
_COLOURS = {"ok": "green", "warn": "yellow", "bad": "bold red", "unknown": "magenta"}
_SEVERITIES = {"critical": "bold red", "error": "red", "warning": "yellow"}
_GRAVE = frozenset({"ERROR", "EMERGENCY", "STOPPED"})


async def watch(client: Client, console: Console) -> None:
    """Follow the engine until interrupted; a line for each transition on no tty."""
    mirror = Mirror()
    await client.subscribe(*TOPICS)
    if not console.is_terminal:
        async for envelope in client.events():
            if envelope.kind == "TRANSITION":
                mirror.apply(envelope)
                console.print(_line(mirror.transitions[-1]))
        return
    with Live(console=console, auto_refresh=False, screen=True) as live:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_redraw, live, client, mirror)
            async for envelope in client.events():
                mirror.apply(envelope)


async def _redraw(live: Live, client: Client, mirror: Mirror) -> None:
    connected = trio.current_time()
    while True:
        now = trio.current_time()
        connected = now if client.is_connected else connected
        live.update(screen(mirror, title(client, round(now - connected))), refresh=True)
        await trio.sleep(REDRAW_SECONDS)


def title(client: Client, age: int) -> str:
    """Say what is drawn, and what of it is not live."""
    lost = f" - connection lost {age} s ago, trying again" if age else ""
    without = f" - without {', '.join(client.refused)}" if client.refused else ""
    return f"{client.url}{lost}{without}"


def screen(mirror: Mirror, title: str) -> RenderableType:
    """Draw what is true as of the newest envelope."""
    return Group(
        Panel(_head(mirror), title=title),
        _limits(mirror),
        _alarms(mirror),
        _positions(mirror),
        _steps(mirror),
        _symbols(mirror),
    )


def _head(mirror: Mirror) -> Text:
    engine = mirror.engine
    state = str(engine.get("state", "connecting"))
    style = "bold red" if state in _GRAVE else "bold green"
    facts = Text.assemble(
        (state, style),
        f"   preset {engine.get('preset') or '-'}",
        f"   mode {engine.get('mode') or '-'}",
        f"   open {engine.get('openPositions', '-')}",
        f"   free slots {engine.get('slots', '-')}",
        f"   day {_number(engine.get('dailyR'))} R",
    )
    lights = mirror.health.get("lights", ())
    for place, light in enumerate(lights):
        facts.append("   " if place else "\n")
        facts.append(f"● {light['name']}", _COLOURS.get(light["state"], "magenta"))
    return facts


def _limits(mirror: Mirror) -> Table:
    """Show the limits that are used most, and what they stand at."""
    table = Table(title="limits, most used first", expand=True)
    for name in ("limit", "used", "of", "unit", ""):
        table.add_column(name)
    rows = sorted(mirror.risk.get("limits", ()), key=_share, reverse=True)
    for row in rows[:LIMITS_SHOWN]:
        style = "red" if row["blocks"] else ""
        used = "UNKNOWN" if row["used"] is None else f"{row['used']:g}"
        cells = (row["name"], used, f"{row['limit']:g}", row["unit"], row["detail"])
        table.add_row(*cells, style=style)
    return table


def _share(row: dict[str, Any]) -> float:
    """Return how much of a limit is used; UNKNOWN refuses, so it is all."""
    if row["used"] is None:
        return 1.0
    return float(row["used"]) / row["limit"] if row["limit"] else 0.0


def _alarms(mirror: Mirror) -> RenderableType:
    text = Text()
    for alarm in list(mirror.alerts)[: -ALARMS_SHOWN - 1 : -1]:
        style = _SEVERITIES.get(alarm.get("severity", ""), "")
        what = alarm.get("message") or f"kill switch {alarm.get('phase')}"
        text.append(f"{alarm.get('severity', 'critical')}  {what}\n", style)
    return Panel(text or Text("none"), title="alarms, newest first")


def _positions(mirror: Mirror) -> Table:
    table = Table(title="open positions", expand=True)
    for name in ("symbol", "side", "size", "entry", "stop", "R now"):
        table.add_column(name)
    for row in mirror.open_positions().values():
        stop = f"{row['sl']}" if row["stopConfirmed"] else f"{row['sl']} unconfirmed"
        cells = (row["symbol"], row["side"], row["size"], row["entry"], stop)
        table.add_row(*map(str, cells), _number(row["unrealizedPnlR"]))
    return table


def _steps(mirror: Mirror) -> RenderableType:
    newest = list(mirror.transitions)[-TRANSITIONS_SHOWN:]
    lines = "\n".join(_line(step) for step in reversed(newest))
    return Panel(Text(lines), title="transitions, newest first")


def _symbols(mirror: Mirror) -> Table:
    table = Table(title=f"{len(mirror.symbols)} symbols, busiest first", expand=True)
    for name in ("symbol", "phase", "price", "score", "to level, ATR", "decision"):
        table.add_column(name)
    rows = sorted(mirror.symbols.values(), key=_rank)
    for row in rows[:SYMBOLS_SHOWN]:
        table.add_row(
            row["symbol"],
            row["phase"],
            _number(row["lastPrice"], 6),
            _number(row["score"]),
            _number(row["nearestLevelAtr"]),
            row["quarantineReason"] or row["lastDecision"] or "-",
        )
    return table


def _rank(row: dict[str, Any]) -> tuple[bool, float, str]:
    """Whoever does more than scan comes first, then the highest score."""
    score = row["score"]
    return row["phase"] == "SCANNING", -(score or 0.0), row["symbol"]


def _line(step: dict[str, Any]) -> str:
    cause = " ".join(filter(None, (step["symbol"], step["reason"])))
    return f"{step['time'][11:19]}  {step['from']} -> {step['to']}  {cause}"


def _number(value: float | None, digits: int = 2) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
