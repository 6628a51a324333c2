"""`breakout ctl`: command a running engine and watch it, from anywhere.

Exit codes: 0 done, 2 usage, 3 the engine refused, 4 unreachable.
"""

import os
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import msgspec
import trio
import typer
from rich.console import Console

from control.away.client import Client, connect
from control.away.terminal import watch as watch_terminal
from control.door.auth import TOKEN_VARIABLE
from control.errors import ClientError, SignInRefused

USAGE = 2
REFUSED = 3
UNREACHABLE = 4
SYMBOL_ACTS = ("pause", "resume", "restart", "release")

ctl = typer.Typer(
    help=f"Command a running engine; the token comes from {TOKEN_VARIABLE}.",
    no_args_is_help=True,
    add_completion=False,
)

Url = Annotated[str, typer.Option(help="Where the engine's control plane answers.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Act = Callable[[Client], Awaitable[None]]
DEFAULT_URL = "http://127.0.0.1:8000"

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


@ctl.command()
def status(url: Url = DEFAULT_URL, *, as_json: AsJson = False) -> None:
    """Print the engine's status."""

    async def act(client: Client) -> None:
        await client.subscribe("engine")
        async for envelope in client.events():
            if envelope.kind == "ERROR":
                err.print(envelope.data["message"], markup=False)
                raise typer.Exit(REFUSED)
            if envelope.kind == "SNAPSHOT":
                _print_fields(envelope.data["state"], as_json=as_json)
                return

    _connected(url, act)


@ctl.command()
def start(
    preset: Annotated[str, typer.Argument(help="The preset to trade with.")],
    mode: Annotated[str, typer.Option(help="paper or live.")] = "paper",
    confirm: Annotated[str, typer.Option(help="Real money: the word LIVE.")] = "",
    url: Url = DEFAULT_URL,
    *,
    as_json: AsJson = False,
) -> None:
    """Start trading."""
    args = {"preset": preset, "mode": mode, "confirm": confirm}
    _command(url, "start", args, as_json=as_json)


@ctl.command()
def stop(url: Url = DEFAULT_URL, *, as_json: AsJson = False) -> None:
    """Stop every task in order."""
    _command(url, "stop", {}, as_json=as_json)


@ctl.command()
def pause(url: Url = DEFAULT_URL, *, as_json: AsJson = False) -> None:
    """Take no new entries; open positions stay managed."""
    _command(url, "pause", {}, as_json=as_json)


@ctl.command()
def resume(url: Url = DEFAULT_URL, *, as_json: AsJson = False) -> None:
    """Take entries again."""
    _command(url, "resume", {}, as_json=as_json)


@ctl.command()
def kill(
    reason: Annotated[str, typer.Option(help="Why; it is journalled.")] = "ctl kill",
    url: Url = DEFAULT_URL,
    *,
    as_json: AsJson = False,
) -> None:
    """Trip the kill switch: cancel entries, flatten, stay latched until reset."""
    _command(url, "kill_switch", {"reason": reason}, as_json=as_json)


@ctl.command()
def release(
    confirm: Annotated[str, typer.Argument(help="The word RESET, typed.")],
    url: Url = DEFAULT_URL,
    *,
    as_json: AsJson = False,
) -> None:
    """Release a latched kill switch; start begins anew."""
    _command(url, "reset", {"confirm": confirm}, as_json=as_json)


@ctl.command()
def reconcile(url: Url = DEFAULT_URL, *, as_json: AsJson = False) -> None:
    """Show in what our book and the exchange differ, and what settle would do."""
    _command(url, "reconcile", {}, as_json=as_json)


@ctl.command()
def settle(  # noqa: PLR0913 - one parameter for each word that is typed
    symbol: Annotated[str, typer.Argument(help="The symbol that differs.")],
    policy: Annotated[str, typer.Argument(help="What reconcile has shown for it.")],
    confirm: Annotated[str, typer.Option(help="The symbol, typed again.")],
    difference: Annotated[
        str | None, typer.Option("--id", help="The difference that was shown.")
    ] = None,
    stop: Annotated[
        str | None, typer.Option(help="The stop price of what is adopted.")
    ] = None,
    url: Url = DEFAULT_URL,
    *,
    as_json: AsJson = False,
) -> None:
    """Settle a difference as reconcile has shown it; without --id release a symbol."""
    args = {"symbol": symbol, "policy": policy, "confirm": confirm}
    more = {"id": difference, "stop": stop}
    args |= {name: given for name, given in more.items() if given is not None}
    _command(url, "settle", args, as_json=as_json)


@ctl.command("close")
def close_position(
    position: Annotated[str, typer.Argument(help="The position's id.")],
    fraction: Annotated[float, typer.Option(help="How much of it: over 0 to 1.")] = 1.0,
    limit_price: Annotated[
        float | None, typer.Option("--limit", help="The worst price; none: at market.")
    ] = None,
    url: Url = DEFAULT_URL,
    *,
    as_json: AsJson = False,
) -> None:
    """Close a position, or a fraction of it."""
    args: dict[str, Any] = {"id": position, "fraction": fraction}
    if limit_price is not None:
        args["limit_price"] = limit_price
    _command(url, "close_position", args, as_json=as_json)


@ctl.command()
def cancel(
    order: Annotated[str, typer.Argument(help="The order's id.")],
    url: Url = DEFAULT_URL,
    *,
    as_json: AsJson = False,
) -> None:
    """Cancel one order."""
    _command(url, "cancel_order", {"id": order}, as_json=as_json)


@ctl.command()
def flatten(
    confirm: Annotated[str, typer.Argument(help="The word FLATTEN, typed.")],
    url: Url = DEFAULT_URL,
    *,
    as_json: AsJson = False,
) -> None:
    """Cancel entries, close every position at market, and pause."""
    _command(url, "flatten", {"confirm": confirm}, as_json=as_json)


@ctl.command()
def scan(url: Url = DEFAULT_URL, *, as_json: AsJson = False) -> None:
    """Scan every symbol again now."""
    _command(url, "scan", {}, as_json=as_json)


@ctl.command("symbol")
def of_symbol(
    act: Annotated[str, typer.Argument(help="pause, resume, restart or release.")],
    symbol: Annotated[str, typer.Argument(help="Which.")],
    confirm: Annotated[
        str, typer.Option(help="To release: the symbol, typed again.")
    ] = "",
    url: Url = DEFAULT_URL,
    *,
    as_json: AsJson = False,
) -> None:
    """Pause, resume, restart or release one symbol."""
    if act not in SYMBOL_ACTS:
        err.print(f"{act!r} is none of {', '.join(SYMBOL_ACTS)}", markup=False)
        raise typer.Exit(USAGE)
    args = {"symbol": symbol} | ({"confirm": confirm} if act == "release" else {})
    _command(url, f"symbol_{act}", args, as_json=as_json)


@ctl.command()
def command(
    name: Annotated[str, typer.Argument(help="Any command of the contract.")],
    args: Annotated[str, typer.Option(help="Its arguments, a JSON object.")] = "{}",
    url: Url = DEFAULT_URL,
    *,
    as_json: AsJson = False,
) -> None:
    """Give any command by its name."""
    try:
        fields = msgspec.json.decode(args, type=dict[str, Any])
    except msgspec.MsgspecError as error:
        err.print(f"--args must be a JSON object: {error}", markup=False)
        raise typer.Exit(USAGE) from error
    _command(url, name, fields, as_json=as_json)


@ctl.command()
def watch(url: Url = DEFAULT_URL, *, as_json: AsJson = False) -> None:
    """Follow the engine live; with --json one envelope a line."""

    async def act(client: Client) -> None:
        if not as_json:
            await watch_terminal(client, out)
            return
        await client.subscribe(*client.hello["topics"])
        async for envelope in client.events():
            _print_json(envelope)

    try:
        _connected(url, act)
    except* KeyboardInterrupt:  # as it comes, or out of the nurseries
        err.print("stopped watching; the engine goes on")


def _command(url: str, name: str, args: dict[str, Any], *, as_json: bool) -> None:
    refused = False

    async def act(client: Client) -> None:
        nonlocal refused
        result = await client.command(name, **args)
        refused = not result.ok
        if as_json:
            _print_json(result)
        else:
            (err if refused else out).print(result.message, markup=False)

    _connected(url, act)
    if refused:
        raise typer.Exit(REFUSED)


def _connected(url: str, act: Act) -> None:
    """Act over one connection; turn what goes wrong into the contract's exit code."""
    token = os.environ.get(TOKEN_VARIABLE)
    if not token:
        err.print(f"set {TOKEN_VARIABLE} to the engine's token first", markup=False)
        raise typer.Exit(USAGE)

    async def run() -> None:
        async with connect(url, token) as client:
            await act(client)

    try:
        trio.run(run)
    except SignInRefused as error:
        err.print(str(error), markup=False)
        raise typer.Exit(REFUSED) from error
    except ClientError as error:
        err.print(str(error), markup=False)
        raise typer.Exit(UNREACHABLE) from error


def _print_json(value: Any) -> None:
    out.print(msgspec.json.encode(value).decode(), markup=False)


def _print_fields(fields: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        _print_json(fields)
        return
    for name, value in fields.items():
        out.print(f"{name:<20}{'-' if value is None else value}", markup=False)
