"""`breakout run`: its options, and how its end is told.

Exit codes: 0 done, 1 the engine ended itself, 2 refused, 3 the start was refused.
"""

from pathlib import Path
from typing import Annotated, Any

import trio
import typer
from rich.console import Console

from actors.domain.errors import EngineError
from actors.domain.live import PAPER
from actors.runtime import RuntimeFault
from config.errors import ConfigError
from control.errors import ControlError
from control.shell.confirming import confirmed
from control.shell.options import run_options
from control.shell.run import run_engine

USAGE, FAILED = 2, 1

err = Console(stderr=True, highlight=False, soft_wrap=True)


def option(text: str, *names: str) -> Any:
    """Make an option with its help."""
    return typer.Option(*names, help=text)


Market = Annotated[str, option("demo, replay:PATH or exchange:ID.")]
Symbols = Annotated[str, option("How many symbols, or which: A,B,C.")]
PresetName = Annotated[str, option("Name or .json file.")]
StrategyName = Annotated[str, option("breakout, donchian, ema_rsi or FILE.py.")]
Mode = Annotated[str, option("paper, or live: real money.")]
Confirm = Annotated[str, option("What live mode asks to be typed.")]
Speed = Annotated[str, option("Market seconds in a second, or max.")]
Duration = Annotated[str, option("Market time to trade, e.g. 24h or 90m.", "--for")]
Host = Annotated[str, option("Address to listen on.")]
Port = Annotated[int, option("Port; 0: no control plane.")]
TlsCertificate = Annotated[str, option("PEM file: serve https.", "--tls-cert")]
TlsKey = Annotated[str, option("PEM file of its key.", "--tls-key")]
Insecure = Annotated[
    bool, option("Serve a public address in clear.", "--insecure-public")
]
DataDir = Annotated[str, option("Where journal, account and token hashes are kept.")]
Seed = Annotated[int, option("Seed of the demo market.")]
Config = Annotated[Path | None, option("TOML file of settings.")]
Report = Annotated[Path | None, option("Write a JSON report.")]
Start = Annotated[bool, option("Start trading at once.")]
Fresh = Annotated[bool, option("Begin a new paper account.", "--fresh")]
ExitAtEnd = Annotated[bool, option("Exit when the market is over.", "--exit-at-end")]


def run(  # noqa: PLR0913, PLR0917 - every option has its own line of help
    context: typer.Context,
    market: Market = "demo",
    symbols: Symbols = "",
    preset: PresetName = "breakout_v1",
    strategy: StrategyName = "breakout",
    mode: Mode = PAPER,
    confirm: Confirm = "",
    speed: Speed = "60",
    duration: Duration = "",
    host: Host = "127.0.0.1",
    port: Port = 8000,
    tls_certificate: TlsCertificate = "",
    tls_key: TlsKey = "",
    data_dir: DataDir = "",
    seed: Seed = 1,
    config: Config = None,
    report: Report = None,
    *,
    start: Start = True,
    exit_at_end: ExitAtEnd = False,
    fresh: Fresh = False,
    insecure_public: Insecure = False,
) -> None:
    """Run the engine: the demo market unless told otherwise."""
    if not __debug__:
        err.print("refused: invariants are asserts; run without python -O")
        raise typer.Exit(USAGE)
    given = locals()
    try:
        options = run_options(given, explicit=_explicit(context))
        code = trio.run(run_engine, confirmed(options, confirm, err))
    except (ConfigError, EngineError, ControlError) as error:
        err.print(f"refused: {error}", markup=False)
        raise typer.Exit(USAGE) from error
    except RuntimeFault as error:
        err.print(f"the engine ended itself: {error}", markup=False)
        raise typer.Exit(FAILED) from error
    raise typer.Exit(code)


def _explicit(context: typer.Context) -> frozenset[str]:
    """Name the options that were given on the command line itself."""
    sources = {name: context.get_parameter_source(name) for name in context.params}
    return frozenset(n for n, s in sources.items() if s and s.name == "COMMANDLINE")
