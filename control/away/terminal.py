"""The live view of `breakout ctl watch`: state, positions, transitions, symbols."""

from typing import Any

import trio
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from control.away.client import Client
from control.away.mirror import Mirror

TOPICS = ("engine", "transitions", "positions", "symbols", "alerts")
REDRAW_SECONDS = 0.25
TRANSITIONS_SHOWN = 8
SYMBOLS_SHOWN = 15
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
    while True:
        lost = "" if client.is_connected else " - connection lost, trying again"
        live.update(screen(mirror, f"{client.url}{lost}"), refresh=True)
        await trio.sleep(REDRAW_SECONDS)


def screen(mirror: Mirror, title: str) -> RenderableType:
    """Draw what is true as of the newest envelope."""
    return Group(
        Panel(_head(mirror), title=title),
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
    if mirror.alerts:
        newest = mirror.alerts[-1]
        facts.append(f"\n{newest['severity']}: {newest['message']}", "yellow")
    return facts


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
