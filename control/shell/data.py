"""`breakout data download`: an exchange's candles, as files that a replay reads.

Exit codes: 0 all is there, 2 refused, 3 not all could be fetched or it was stopped: the
same command goes on where it was.
"""

from functools import partial
from pathlib import Path
from typing import Annotated, Any

import trio
import typer
from rich.console import Console

from actors.domain.errors import EngineError
from config.errors import ConfigError

USAGE, UNFINISHED = 2, 3

data = typer.Typer(
    help="Fetch recordings of markets.", no_args_is_help=True, add_completion=False
)
out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


def option(text: str, *names: str) -> Any:
    """Make an option with its help."""
    return typer.Option(*names, help=text)


Exchange = Annotated[str, option("An exchange's id, as after exchange: in --market.")]
Symbols = Annotated[str, option("How many symbols, or which: A,B,C.")]
Timeframe = Annotated[str, option("Length of a candle: 1m to 1d.")]
Since = Annotated[str, option("First moment, UTC: 2026-01-01 or 2026-01-01T12:30.")]
Until = Annotated[str, option("Moment after the last; empty: now.")]
Target = Annotated[
    Path, option("A .parquet file, or a folder: a file for each symbol.", "--out")
]
Config = Annotated[Path | None, option("TOML file of settings ([streams] rest_url).")]
Partial = Annotated[bool, option("Write what there is if some failed.", "--partial")]


@data.command()
def download(  # noqa: PLR0913, PLR0917 - every option has its own line of help
    exchange: Exchange,
    since: Since,
    target: Target,
    symbols: Symbols = "",
    timeframe: Timeframe = "1m",
    until: Until = "",
    config: Config = None,
    *,
    partial_too: Partial = False,
) -> None:
    """Download candles; interrupted, the same command goes on where it was."""
    from control.shell.downloading import Wanted, download_until_stopped  # noqa: PLC0415 - heavy

    try:
        wanted = Wanted.read(
            exchange=exchange,
            since=since,
            until=until,
            symbols=symbols,
            timeframe=timeframe,
            target=target,
            config=config,
            partial=partial_too,
        )
        say = partial(out.print, markup=False)
        whole = trio.run(download_until_stopped, wanted, say)
    except (ConfigError, EngineError, OSError) as error:
        err.print(f"refused: {error}", markup=False)
        raise typer.Exit(USAGE) from error
    raise typer.Exit(0 if whole else UNFINISHED)
