"""A whole engine in one object: the port's rules without a market or any actor.

It keeps the contract's promises (the global machine's table, the command rules, one
published fact for each change), so that the control plane can be tested against
something that can say no.
"""

from collections import deque
from decimal import Decimal
from typing import Any

import msgspec
import trio

from actors.domain.messages import (
    Alert,
    Command,
    CommandAnswer,
    OrderView,
    PositionView,
    Published,
    Transition,
)
from actors.domain.orders import Side
from actors.domain.phases import (
    GLOBAL_MACHINE,
    RUNNING_PHASES,
    Phase,
    SymbolPhase,
    TradePhase,
    check,
)
from actors.domain.shown.history import LogRow
from actors.domain.shown.symbols import SymbolRow
from actors.domain.views import (
    CommandState,
    DifferenceRow,
    EngineMetrics,
    Publisher,
    Status,
    UnprotectedTime,
    WhyRow,
)
from control.commands import COMMANDS
from tests.engine_views import ShownEngine

PRESETS = ("breakout_v1", "conservative")
MEASURED = (
    *("cpu_percent", "rss_mib", "memory_percent", "disk_free_mib", "threads"),
    *("descriptors", "descriptors_percent", "loop_lag_ms"),
)


class TestClock:
    """A clock that a test moves."""

    __test__ = False

    def __init__(self, now_ms: int = 1_700_000_000_123) -> None:
        self.moment_ms = now_ms

    def now_ms(self) -> int:
        return self.moment_ms


def position(serial: int, size: str = "1.50", closed_ms: int | None = None) -> Any:
    return PositionView(
        id=f"p-{serial}",
        symbol="BTC/USDT",
        side=Side.LONG,
        phase=TradePhase.RUNNING if closed_ms is None else TradePhase.CLOSED,
        entry=Decimal("100.10"),
        stop=Decimal("99.5"),
        targets=(Decimal("101.3"), Decimal("102.5")),
        size=Decimal(size),
        mode="paper",
        opened_ms=1_700_000_000_000,
        updated_ms=1_700_000_060_000,
        closed_ms=closed_ms,
        pnl_r=Decimal(0),
        pnl_usd=Decimal(0),
        unrealized_pnl_r=Decimal("0.25"),
        unrealized_pnl_usd=Decimal("0.225"),
        risk_usd=Decimal("0.9"),
        stop_confirmed=True,
        reason="",
    )


def order(serial: int, state: str = "open") -> OrderView:
    return OrderView(
        id=f"i-{serial}",
        client_order_id=f"bx1-{serial}",
        symbol="BTC/USDT",
        side=Side.LONG,
        kind="limit",
        quantity=Decimal("1.50"),
        price=None,
        state=state,
        created_ms=1_700_000_000_000,
        updated_ms=1_700_000_000_001,
        filled_ms=None,
        fees=Decimal("0.001"),
        reason="",
    )


class InMemoryEngine(ShownEngine):
    """Implements `views.EngineView`."""

    def __init__(self, clock: TestClock, symbols: tuple[str, ...] = ()) -> None:
        self.clock = clock
        self.publisher: Publisher | None = None
        self.state = Phase.IDLE
        self.preset: str | None = None
        self.started_ms: int | None = None
        self.is_live = True
        self.is_ready = True
        self.performed: list[Command] = []
        self.fault: Exception | None = None
        self.busy = False
        self.delay_seconds = 0.0
        self.held: dict[str, PositionView] = {}
        self.sent: dict[str, OrderView] = {}
        self.lines = [
            LogRow(n, 1_700_000_000_000, "info", "risk", f"line {n}", {"at": str(n)})
            for n in range(1, 6)
        ]
        self._history: deque[Transition] = deque(maxlen=100)
        self._whys: deque[WhyRow] = deque(maxlen=100)
        self._alerts: deque[Alert] = deque(maxlen=100)
        names = symbols or ("BTC/USDT", "ETH/USDT")
        self.rows = {name: self._row(name) for name in names}

    # --- reads -------------------------------------------------------------------

    def status(self) -> Status:
        if self.fault is not None:
            raise self.fault
        started = "2023-11-14T22:13:20.123Z" if self.started_ms is not None else None
        return Status(
            state=self.state,
            preset=self.preset,
            mode="paper",
            started_at=started,
            slots=3 - len(self.held),
            open_positions=len(self.held),
            latency_ms=0.4,
            daily_r=0.0,
            consecutive_losses=0,
        )

    def metrics(self) -> EngineMetrics:
        return EngineMetrics(1.0, 2, 0.3, 4, 5, 0.6, 0.7)

    def commands(self) -> tuple[CommandState, ...]:
        return tuple(
            CommandState(name, (reason := self._objection(name)) is None, reason or "")
            for name in COMMANDS
        )

    def resource_health(self) -> dict[str, Any]:
        measured = dict.fromkeys(MEASURED, None)
        gaps = {"positions": 0, "secondsTotal": 0.0, "secondsMax": 0.0}
        return measured | {
            "ts_ms": self.clock.now_ms(),
            "cpu_percent": 1.5,
            "unmeasured": {"threads": "a test"},
            "mailboxes": {"risk": 0},
            "unprotected": gaps,
        }

    def unprotected(self) -> UnprotectedTime:
        return UnprotectedTime(0, 0.0, 0.0)

    def transitions(self, limit: int) -> tuple[Transition, ...]:
        return tuple(self._history)[-limit:]

    def symbols(self) -> tuple[SymbolRow, ...]:
        return tuple(self.rows.values())

    def symbol(self, symbol: str) -> SymbolRow | None:
        return self.rows.get(symbol)

    def funnel(self) -> dict[str, int]:
        return {"evaluations": 10, "candidates": 3, "signals": 1}

    def why(self, symbol: str | None, limit: int) -> tuple[WhyRow, ...]:
        rows = [row for row in self._whys if symbol in {None, row.symbol}]
        return tuple(reversed(rows))[:limit]

    def positions(self) -> tuple[PositionView, ...]:
        return tuple(self.held.values())

    def orders(self) -> tuple[OrderView, ...]:
        return tuple(self.sent.values())

    def alerts(self) -> tuple[Alert, ...]:
        return tuple(reversed(self._alerts))

    def differences(self) -> tuple[DifferenceRow, ...]:
        return ()

    def tree(self) -> str:
        return "engine [group running]\n  risk [actor running]"

    def live(self) -> bool:
        return self.is_live

    def ready(self) -> bool:
        return self.is_ready

    # --- commands ----------------------------------------------------------------

    async def command(self, command: Command) -> CommandAnswer:
        await trio.sleep(self.delay_seconds)
        if self.fault is not None:
            raise self.fault
        if self.busy:
            return self._answer(command, 503, "the risk actor's mailbox is full")
        objection = self._objection(command.name) or self._mistyped(command)
        if command.name == "pause" and self.state is Phase.PAUSED:
            return self._answer(command, 200, "already paused")
        if objection is not None:
            return self._answer(command, 400, objection)
        preset = command.args.get("preset")
        if command.name == "start" and preset not in PRESETS:
            allowed = ", ".join(PRESETS)
            message = f"preset {preset!r} is unknown; allowed: {allowed}"
            return self._answer(command, 400, message)
        self.performed.append(command)
        self._perform(command)
        return self._answer(command, 200, f"{command.name} done")

    def _objection(self, name: str) -> str | None:
        running = self.state in RUNNING_PHASES
        if name == "start" and running:
            return f"start is not allowed in {self.state}: already running"
        if name in {"stop", "reload", "retry", "time_stop"} and not running:
            return f"{name} is not allowed in {self.state}: not running"
        if name == "resume" and self.state is not Phase.PAUSED:
            return f"resume is not allowed in {self.state}: only in PAUSED"
        if name == "pause" and Phase.PAUSED not in {
            self.state,
            *GLOBAL_MACHINE[self.state],
        }:
            return f"pause is not allowed in {self.state}"
        return None

    def _mistyped(self, command: Command) -> str | None:
        """Who or what a command is about must be here, and its word be typed."""
        args, name = command.args, command.name
        symbol = args.get("symbol")
        if name.startswith("symbol_") and symbol not in self.rows:
            return f"symbol {symbol!r} is unknown"
        if name == "symbol_release" and args.get("confirm") != symbol:
            return f"{name}: confirm must be {symbol!r}, not {args.get('confirm')!r}"
        if name == "flatten" and args.get("confirm") != "FLATTEN":
            return f"{name}: confirm must be 'FLATTEN', not {args.get('confirm')!r}"
        held = {"close_position": self.held, "cancel_order": self.sent}.get(name)
        if held is not None and args["id"] not in held:
            return f"{name}: id {args['id']!r} is unknown"
        return None

    def _perform(self, command: Command) -> None:
        match command.name:
            case "start":
                self.preset = command.args["preset"]
                self.started_ms = self.clock.now_ms()
                self.walk(Phase.INITIALIZING, Phase.SCANNING)
            case "stop":
                self.walk(Phase.STOPPED, Phase.IDLE)
            case "pause":
                self.walk(Phase.PAUSED)
            case "resume":
                self.walk(Phase.MANAGING if self.held else Phase.SCANNING)
            case _:
                return

    def _answer(self, command: Command, code: int, message: str) -> CommandAnswer:
        return CommandAnswer(
            command.id, code == 200, code, message, self.clock.now_ms()
        )

    # --- what happens in it ------------------------------------------------------

    def walk(self, *states: Phase) -> None:
        for target in states:
            check(GLOBAL_MACHINE, self.state, target)
            step = Transition(
                self.clock.now_ms(), self.state, target, "test", None, {"a": "b"}
            )
            self.state = target
            self._history.append(step)
            self.publish("transitions", "TRANSITION", step)

    def hold(self, held: PositionView) -> None:
        known = held.id in self.held
        if held.closed_ms is None:
            self.held[held.id] = held
        else:
            self.held.pop(held.id, None)
        kind = "POSITION_UPDATE" if known else "POSITION_OPEN"
        closed = held.closed_ms is not None
        self.publish("positions", "POSITION_CLOSE" if closed else kind, held)

    def send(self, sent: OrderView) -> None:
        kind = "ORDER_UPDATED" if sent.id in self.sent else "ORDER_PLACED"
        self.sent[sent.id] = sent
        self.publish("orders", kind, sent)

    def refuse(self, symbol: str, serial: int) -> None:
        row = WhyRow(symbol, serial, f"c-{serial}", "scan", "volume", "1", "2")
        self._whys.append(row)
        self.publish("why", "WHY", row)

    def alarm(self, message: str) -> None:
        now = self.clock.now_ms()
        alert = Alert(now, "internal", "warning", "test", None, message, "none")
        self._alerts.append(alert)
        self.publish("alerts", "ALERT", alert)

    def move(self, symbol: str, price: float) -> None:
        row = msgspec.structs.replace(self.rows[symbol], last_price=price)
        self.rows[symbol] = row

    def publish(self, topic: str, kind: str, body: Any) -> None:
        if self.publisher is not None:
            self.publisher.publish(Published(topic, kind, self.clock.now_ms(), body))

    @staticmethod
    def _row(name: str) -> SymbolRow:
        return SymbolRow(
            symbol=name,
            phase=SymbolPhase.SCANNING,
            actor_state="running",
            last_price=100.0,
            score=None,
            nearest_level_atr=None,
            feed_age_ms=20,
            mailbox_depth=0,
            restarts=0,
            messages=7,
            quarantine_reason=None,
            last_decision=None,
            data_faults=0,
        )
