"""`breakout`: run an engine, command one, look at its journal and its health.

Every command is a module of its own and loaded when it is called: an engine that was
killed is to trade again soon, and does not wait for what it will not use.
"""

import gc
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

COMMANDS = {
    "audit": "control.shell.audit:audit",
    "ctl": "control.shell.ctl:ctl",
    "data": "control.shell.data:data",
    "doctor": "control.shell.doctor:doctor",
    "exchange-sim": "control.shell.exchange_sim:exchange_sim",
    "notices": "control.shell.notices:notices",
    "presets": "control.shell.presets:presets",
    "run": "control.shell.run_command:run",
    "token": "control.shell.token:token",
}


class Commands(TyperGroup):
    """The table above, as a group of commands."""

    def list_commands(self, _ctx: Any) -> list[str]:
        """Name them."""
        return list(COMMANDS)

    def get_command(self, _ctx: Any, cmd_name: str) -> Any:
        """Load one; None: there is none of that name."""
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name].partition(":")
        # Modules make little garbage and many objects: collecting meanwhile takes
        # a seventh of the time that loading them does, and they live to the end.
        gc.disable()
        try:
            found = getattr(import_module(module), attribute)
        finally:
            gc.freeze()
            gc.enable()
        command: Any
        if isinstance(found, typer.Typer):
            command = typer.main.get_group(found)
        else:
            alone = typer.Typer(add_completion=False)
            alone.command(cmd_name)(found)
            command = typer.main.get_command(alone)
        command.name = cmd_name
        return command


app = typer.Typer(
    cls=Commands,
    help="A supervised breakout trading engine.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


@app.callback()
def breakout() -> None:
    """A supervised breakout trading engine."""


def main() -> None:
    """Enter from the command line."""
    app()


if __name__ == "__main__":
    main()
