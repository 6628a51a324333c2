"""Reads: each is a projection of the engine's last published state, asking no actor."""

from typing import Any

from starlette.requests import Request

from actors.domain.phases import GLOBAL_MACHINE
from actors.domain.shown.symbols import SymbolRow
from actors.domain.views import EngineMetrics, EngineView, Status
from control import wire
from control.errors import Refused

LIMIT_MAX = 500
LIMIT_DEFAULT = 100


def limit_of(request: Request) -> int:
    """Return `?limit=`; raises Refused 400 outside 1..LIMIT_MAX."""
    text = request.query_params.get("limit", str(LIMIT_DEFAULT))
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= LIMIT_MAX):
        raise Refused(400, f"limit {text!r} must be a whole number in 1..{LIMIT_MAX}")
    return int(text)


class Queries:
    """One method for each read of the route table."""

    def __init__(self, engine: EngineView) -> None:
        self._engine = engine

    def status(self, _: Request) -> Status:
        """The nine fields."""
        return self._engine.status()

    def commands(self, _: Request) -> dict[str, Any]:
        """What is allowed now, and why not."""
        state = self._engine.status().state
        return {"state": state, "commands": self._engine.commands()}

    def metrics(self, _: Request) -> EngineMetrics:
        """The seven fields."""
        return self._engine.metrics()

    def resource_health(self, _: Request) -> dict[str, Any]:
        """What the process uses, measured."""
        return self._engine.resource_health()

    def symbols(self, _: Request) -> dict[str, Any]:
        """All symbol actors."""
        return {"items": self._engine.symbols()}

    def symbol(self, request: Request) -> SymbolRow:
        """One symbol actor."""
        return self._known(request)

    def levels(self, request: Request) -> dict[str, Any]:
        """The levels that one symbol's pipeline knows."""
        symbol = self._known(request).symbol
        return {"symbol": symbol, "levels": self._engine.levels(symbol)}

    def positions(self, _: Request) -> dict[str, Any]:
        """Open positions, then the newest closed ones."""
        return {"items": [wire.position_row(p) for p in self._engine.positions()]}

    def orders(self, _: Request) -> dict[str, Any]:
        """Live orders, then the newest ended ones."""
        return {"items": [wire.order_row(order) for order in self._engine.orders()]}

    def why(self, request: Request) -> dict[str, Any]:
        """The newest terminal reasons, of one symbol or of all."""
        symbol = request.query_params.get("symbol")
        if symbol is not None and self._engine.symbol(symbol) is None:
            raise Refused(404, f"symbol {symbol!r} is unknown; see /api/symbols")
        return {"items": self._engine.why(symbol, limit_of(request))}

    def funnel(self, _: Request) -> dict[str, int]:
        """How many came how far, and what stopped the others."""
        return self._engine.funnel()

    def state_machine(self, _: Request) -> dict[str, Any]:
        """The global machine's table and where it is."""
        table = {state: sorted(targets) for state, targets in GLOBAL_MACHINE.items()}
        return {"state": self._engine.status().state, "table": table}

    def transitions(self, request: Request) -> dict[str, Any]:
        """The newest transitions, oldest first."""
        steps = self._engine.transitions(limit_of(request))
        return {"items": [wire.transition_row(step) for step in steps]}

    def alerts(self, _: Request) -> dict[str, Any]:
        """The newest alerts, newest first."""
        return {"items": [wire.row(alert) for alert in self._engine.alerts()]}

    def differences(self, _: Request) -> dict[str, Any]:
        """In what our book and the exchange differ, and what may be done about it."""
        return {"items": self._engine.differences()}

    def diagnostics(self, _: Request) -> dict[str, Any]:
        """The tree of actors as lines to read."""
        return {"tree": self._engine.tree().splitlines()}

    def _known(self, request: Request) -> SymbolRow:
        symbol = request.path_params["symbol"]
        found = self._engine.symbol(symbol)
        if found is None:
            raise Refused(404, f"symbol {symbol!r} is unknown; see /api/symbols")
        return found
