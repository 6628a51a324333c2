"""`breakout`: run an engine, command one, look at its journal and its health."""

import signal
from pathlib import Path
from typing import Annotated, Any

import msgspec
import trio
import typer
from rich.console import Console

from actors.domain.errors import EngineError
from actors.runtime import RuntimeFault
from config.errors import ConfigError
from config.load import dump_preset, load_preset, preset_names
from config.preset import Preset
from control.errors import ControlError
from control.shell.audit import audit
from control.shell.ctl import ctl
from control.shell.data import data
from control.shell.doctor import doctor
from control.shell.exchange_sim import exchange_sim
from control.shell.notices import notices
from control.shell.options import run_options
from control.shell.run import run_engine
from control.shell.token import token

USAGE, FAILED = 2, 1

app = typer.Typer(
    help="A supervised breakout trading engine.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
presets = typer.Typer(help="Look at presets.", no_args_is_help=True)
app.add_typer(audit, name="audit")
app.add_typer(ctl, name="ctl")
app.add_typer(data, name="data")
app.add_typer(notices, name="notices")
app.add_typer(presets, name="presets")
app.add_typer(token, name="token")
app.command()(doctor)
app.command("exchange-sim")(exchange_sim)

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


def option(text: str, *names: str) -> Any:
    """Make an option with its help."""
    return typer.Option(*names, help=text)


Market = Annotated[str, option("demo, replay:PATH or exchange:ID.")]
Symbols = Annotated[str, option("How many symbols, or which: A,B,C.")]
PresetName = Annotated[str, option("Name or .json file.")]
StrategyName = Annotated[str, option("breakout, donchian, ema_rsi or FILE.py.")]
Mode = Annotated[str, option("paper.")]
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


@app.command()
def run(  # noqa: PLR0913, PLR0917 - every option has its own line of help
    context: typer.Context,
    market: Market = "demo",
    symbols: Symbols = "",
    preset: PresetName = "breakout_v1",
    strategy: StrategyName = "breakout",
    mode: Mode = "paper",
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
        code = trio.run(run_engine, options)
        # All is written: a late Ctrl-C must not make a good end look like a bad one.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
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


@presets.command("list")
def list_presets(*, as_json: Annotated[bool, typer.Option("--json")] = False) -> None:
    """List the presets that ship with the engine."""
    rows = {name: load_preset(name).description for name in preset_names()}
    if as_json:
        out.print(msgspec.json.encode(rows).decode(), markup=False)
        return
    for name, description in rows.items():
        out.print(f"{name:22} {description}", markup=False)


@presets.command()
def show(name: str) -> None:
    """Print a preset, every default filled in."""
    out.print(dump_preset(_loaded(name)).decode(), markup=False)


@presets.command()
def check(name: str) -> None:
    """Say whether a preset is sound and could ever fire."""
    loaded = _loaded(name)
    out.print(f"{loaded.name}: sound, and a market exists that makes it fire")


def _loaded(name: str) -> Preset:
    try:
        return load_preset(name)
    except ConfigError as error:
        err.print(f"refused: {error}", markup=False)
        raise typer.Exit(FAILED) from error


def main() -> None:
    """Enter from the command line."""
    app()


if __name__ == "__main__":
    main()
