"""The commands' rows of the table: the engine decides, an operator may ask."""

from typing import Any

from actors.domain.messages import Role
from control import wire
from control.commands import (
    CommandBody,
    HaltArgs,
    NoArgs,
    ResetArgs,
    SettleArgs,
    StartArgs,
)
from control.routes.bodies import ClosePosition, Confirm
from control.routes.route import Route

ANY = "*"
"""The command is named in the body."""

CONFIRM_SYMBOL = {"confirm": "BTC/USDT"}


def order(  # noqa: PLR0913, PLR0917 - a row of the table
    method: str,
    path: str,
    command: str,
    summary: str,
    body: Any = NoArgs,
    example: Any = None,
    also: tuple[str, ...] = (),
) -> Route:
    """Make the row of a command."""
    return Route(
        method=method,
        path=path,
        role=Role.OPERATOR,
        summary=summary,
        answer=wire.Reply,
        command=command,
        body=body,
        also=also,
        example=example,
    )


def engine(
    name: str, command: str, summary: str, body: Any = NoArgs, example: Any = None
) -> Route:
    """Make a row of the engine group, which answers at two paths."""
    path = f"/engine/{name}"
    return order("POST", f"/api{path}", command, summary, body, example, (path,))


COMMAND_ROUTES: tuple[Route, ...] = (
    engine(
        "start",
        "start",
        "Start trading with a preset; live mode needs an admin.",
        StartArgs,
        {"preset": "breakout_v1", "mode": "paper"},
    ),
    engine("stop", "stop", "Stop every task in order; positions keep their stops."),
    engine("pause", "pause", "Take no new entries; open positions stay managed."),
    engine("resume", "resume", "Take entries again."),
    engine("reload", "reload", "Read every preset again; the next start uses them."),
    engine("retry", "retry", "Leave ERROR for work."),
    engine(
        "reset",
        "reset",
        "Leave ERROR, or release a latched kill switch by the word RESET.",
        ResetArgs,
        {"confirm": "RESET"},
    ),
    engine("time-stop", "time_stop", "Close what is held longer than the stall time."),
    engine("panic-exit", "panic_exit", "Close every position at market."),
    engine(
        "kill-switch",
        "kill_switch",
        "Cancel entries, flatten, and stay latched until a person releases it.",
        HaltArgs,
        {"reason": "I do not trust this market"},
    ),
    engine(
        "command",
        ANY,
        "Give any command by its name.",
        CommandBody,
        {"command": "pause", "args": {}},
    ),
    order(
        "POST",
        "/api/symbols/{symbol}/pause",
        "symbol_pause",
        "Take no new entries in one symbol; its position stays managed.",
    ),
    order(
        "POST",
        "/api/symbols/{symbol}/resume",
        "symbol_resume",
        "Take entries in one symbol again.",
    ),
    order(
        "POST",
        "/api/symbols/{symbol}/restart",
        "symbol_restart",
        "Restart one symbol's actor; it relives its own past.",
    ),
    order(
        "POST",
        "/api/symbols/{symbol}/release",
        "symbol_release",
        "Release one symbol from quarantine by its name, typed again.",
        Confirm,
        CONFIRM_SYMBOL,
    ),
    order(
        "POST",
        "/api/positions/{id}/close",
        "close_position",
        "Close a fraction of one position, at market or at a limit price.",
        ClosePosition,
        {"fraction": 0.5, "limitPrice": None},
    ),
    order(
        "POST",
        "/api/flatten",
        "flatten",
        "Cancel entries, close every position, and pause, by the word FLATTEN.",
        Confirm,
        {"confirm": "FLATTEN"},
    ),
    order("DELETE", "/api/orders/{id}", "cancel_order", "Cancel one order."),
    order("POST", "/api/reconcile", "reconcile", "Ask the exchange anew."),
    order(
        "POST",
        "/api/reconcile/settle",
        "settle",
        "Settle a difference as the preview has shown it, the symbol typed again.",
        SettleArgs,
        {"symbol": "BTC/USDT", "policy": "adopt", "confirm": "BTC/USDT"},
    ),
    order("POST", "/api/scanner/scan", "scan", "Scan every symbol again now."),
)
