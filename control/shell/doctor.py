"""`breakout doctor`: look at everything before the first start, and when in doubt.

Exit codes: 0 nothing is bad, 1 something is, 2 usage.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console

from config.errors import ConfigError
from config.sources import load_settings
from control.doctor import account, machine, network
from control.doctor.finding import Finding, Look, Patient, State, bad

SICK = 1
LOOKS: tuple[Look, ...] = (
    *(machine.python, machine.packages, machine.clock, machine.disk),
    *(machine.compiled, machine.descriptors, account.journal, account.tokens),
    *(network.port, network.console, network.notices, network.heartbeat),
    network.service,
)
STYLES = {State.OK: "green", State.WARN: "yellow", State.BAD: "bold red"}

out = Console(highlight=False, soft_wrap=True)


def doctor(
    config: Annotated[Path | None, typer.Option(help="TOML file of settings.")] = None,
    data_dir: Annotated[str, typer.Option(help="Where the engine keeps it.")] = "",
    port: Annotated[int, typer.Option(help="Port; -1: as the settings say.")] = -1,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say what is installed, configured and reachable, and what to do."""
    overrides: dict[str, object] = {}
    if data_dir:
        overrides["engine.data_dir"] = data_dir
    if port >= 0:
        overrides["control.port"] = port
    found = list(examine(config, overrides))
    if as_json:
        out.print(msgspec.json.encode(found).decode(), markup=False)
    else:
        _print(found)
    if any(finding.state is State.BAD for finding in found):
        raise typer.Exit(SICK)


def examine(config: Path | None, overrides: dict[str, object]) -> Iterator[Finding]:
    """Look at everything; settings that cannot be used are a finding too."""
    environment = dict(os.environ)
    try:
        settings = load_settings(config, environment, overrides)
    except ConfigError as error:
        yield bad("settings", str(error), "correct it there, then ask again")
        return
    patient = Patient(settings, environment)
    for look in LOOKS:
        yield from look(patient)


def _print(found: list[Finding]) -> None:
    for finding in found:
        out.print(f"{finding.state:5}", style=STYLES[finding.state], end="")
        out.print(f"{finding.name:12} {finding.found}", markup=False)
        if finding.remedy:
            out.print(f"{'':18}{finding.remedy}", markup=False, style="dim")
