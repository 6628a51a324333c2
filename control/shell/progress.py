"""A live line in a terminal while the engine trades; silence anywhere else."""

from datetime import UTC, datetime

import trio
from rich.console import Console

from actors.engine import Engine

REFRESH_SECONDS = 0.25


async def show_progress(engine: Engine, console: Console) -> None:
    """Redraw one line until cancelled; returns at once where there is no terminal."""
    if not console.is_terminal:
        return
    with console.status("") as line:
        while True:
            line.update(progress_line(engine))
            await trio.sleep(REFRESH_SECONDS)


def progress_line(engine: Engine) -> str:
    """Tell the market time, how far it is, and what is held."""
    cursor, state = engine.cursor, engine.risk_state
    moment = datetime.fromtimestamp(engine.clock.now_ms() / 1000, UTC)
    total = cursor.description.bars_total
    share = "" if total is None else f" {100 * cursor.bars_taken / total:.0f}%"
    return (
        f"{moment:%Y-%m-%d %H:%M}{share}  {engine.risk.desk.machine.phase}  "
        f"{cursor.bars_taken} bars  {state.counts['signals']} signals  "
        f"{len(state.book.positions)} open  {state.counts['trades']} trades  "
        f"equity {state.equity:.2f}"
    )
