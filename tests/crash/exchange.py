"""The paper exchange as a process of its own, which its engine cannot take down.

One socket serves the engine (the port's methods) and the harness (`down`, `truth`).
When the engine's line breaks, what was laid out is lived to its end without it.
"""

import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing, suppress
from pathlib import Path
from socket import socket
from typing import Any

import msgspec
import numpy as np
import trio

from actors.domain.bars import BAR
from actors.domain.errors import ExchangeError
from actors.domain.money import ZERO
from actors.domain.orders import (
    ExchangeUpdate,
    OrderKind,
    OrderRequest,
    Outcome,
    Placed,
    Side,
)
from actors.exchange.paper.exchange import PaperExchange
from actors.runtime.clock import MarketClock
from tests.crash.pieces import PiecewiseExchange
from tests.crash.scenarios import Scenario
from tests.crash.truth import Accepted, Bare, Truth
from tests.crash.wire import (
    METHODS,
    Answer,
    Ask,
    Frames,
    LaidOut,
    Status,
    Told,
    encode,
    framed,
    read_ask,
)
from tests.sim.world import MINUTE_MS, START_MS, A, B, C, World

#: The harness's own methods: types of the arguments, type of the result.
CONTROL: dict[str, tuple[Any, Any]] = {
    "alone": (tuple[()], None),
    "down": (tuple[int, str], None),
    "truth": (tuple[()], Truth),
}
DOWN_PATHS = {"stop": 0.94, "target": 1.30}  # how far A goes while the engine is down


class Hall:
    """The exchange, its market, and what it saw."""

    def __init__(self, world: World, journal: Path, *, pieces: bool = False) -> None:
        self._world = world
        self._journal = journal
        self.clock = MarketClock(START_MS)
        made = PiecewiseExchange if pieces else PaperExchange
        self.paper = made(
            world.describe().instruments, world.paper, self.clock, world.equity
        )
        self.paper.connect(self._hear)
        self._unsent: list[bytes] = []
        self._engine = trio.Event()  # set: no engine is there
        self._engine.set()
        self._accepted: list[Accepted] = []
        self._bare: list[Bare] = []
        self._bare_from: dict[str, int] = {}
        self._busiest = 0
        self._crowded: set[str] = set()
        self._persons = 0

    # --- the engine's side ------------------------------------------------------

    async def hello(self) -> None:
        """An engine is there: from now on a bare position is its fault."""
        self._engine = trio.Event()
        self._bare_from.clear()
        self._watch()

    async def place(self, request: OrderRequest) -> Outcome:
        journalled = self._journalled(request.client_id)
        held = self._positions().get(request.symbol, ZERO)
        idle = request.reduce_only and request.side.sign * held >= ZERO
        outcome = await self.paper.place(request)
        if isinstance(outcome, Placed):
            taken = Accepted(request, self.clock.now_ms(), journalled, idle)
            self._accepted.append(taken)
            self._watch()
        return outcome

    async def play(self, until_ms: int, bars: tuple[LaidOut, ...]) -> bool:
        for one in bars:
            row = np.frombuffer(one.bar, BAR)[0]
            self.paper.open_bar(one.symbol, row, one.open_ms, one.close_ms)
        happened = await self.paper.play(until_ms)
        self._watch()
        return happened

    async def gone(self) -> None:
        """Live what was laid out to its end; nobody hears of it."""
        self._bare += self._lasting()
        self._bare_from.clear()
        while await self.paper.play(self.clock.now_ms()):
            pass
        self._unsent.clear()
        self._engine.set()

    # --- the harness's side -----------------------------------------------------

    async def alone(self) -> None:
        """Wait until the engine has vanished and its bars are lived."""
        await self._engine.wait()

    async def down(self, bars: int, path: str) -> None:
        """Live bars without the engine: A runs to its stop or its target; then a
        person closes B by hand and leaves an order in C.
        """
        for number in range(bars):
            until_ms = (self.clock.now_ms() // MINUTE_MS + 1) * MINUTE_MS
            for symbol in sorted(self.paper.active()):
                bar = self._bar(symbol, DOWN_PATHS[path] if number == 0 else 1.0)
                open_ms = self.clock.now_ms()
                self.paper.open_bar(symbol, bar, open_ms, until_ms)
            while await self.paper.play(until_ms):
                pass
            if number == 0:
                await self._person()
        self._unsent.clear()

    def _bar(self, symbol: str, reach: float) -> Any:
        """The bar of now; A's runs as far as `reach` and comes back."""
        bars = self._world.bars[symbol]
        number = (self.clock.now_ms() - START_MS) // MINUTE_MS
        row = bars[min(number, len(bars) - 1)].copy()
        row["open"] = row["close"]
        row["high"] = row["low"] = row["close"]
        if symbol == A:
            row["high" if reach > 1 else "low"] *= reach
        row["high"] += 0.05
        row["low"] -= 0.05
        return row

    async def _person(self) -> None:
        self._persons += 1
        held = self._positions().get(B, ZERO)
        if held:
            side = Side.SHORT if held > 0 else Side.LONG
            name = f"person-close-{self._persons}"
            await self.paper.place(
                OrderRequest(name, B, side, OrderKind.MARKET, abs(held))
            )
        wish = OrderRequest(
            client_id=f"person-{self._persons}",
            symbol=C,
            side=Side.LONG,
            kind=OrderKind.LIMIT,
            quantity=held.copy_abs() or msgspec.convert("1", type(held)),
            limit_price=msgspec.convert("50", type(held)),
        )
        await self.paper.place(wish)

    async def truth(self) -> Truth:
        return Truth(
            now_ms=self.clock.now_ms(),
            accepted=tuple(self._accepted),
            fills=await self.paper.fetch_fills(0),
            positions=self._positions(),
            live=await self.paper.fetch_open_orders(),
            bare=(*self._bare, *self._lasting()),
            busiest=self._busiest,
            crowded=tuple(sorted(self._crowded)),
        )

    # --- watching ---------------------------------------------------------------

    def _lasting(self) -> list[Bare]:
        """What is not protected up to now."""
        now_ms = self.clock.now_ms()
        return [
            Bare(symbol, since, now_ms)
            for symbol, since in self._bare_from.items()
            if since < now_ms
        ]

    def _positions(self) -> dict[str, Any]:
        return {s: held.quantity for s, held in self.paper.state.positions.items()}

    def _journalled(self, client_id: str) -> bool:
        """Look into the journal itself; a line of our own would keep its log alive."""
        where = f"file:{self._journal}?mode=ro"
        query = "SELECT body FROM journal_intent WHERE instr(body, ?)"
        with closing(sqlite3.connect(where, uri=True)) as database:
            return database.execute(query, [client_id]).fetchone() is not None

    def _watch(self) -> None:
        """Note what is not protected now, and how much is at work at once."""
        if self._engine.is_set():
            return
        now_ms, positions = self.clock.now_ms(), self._positions()
        ours = self._ours()
        for symbol in {*positions, *self._bare_from}:
            owned, held = ours.get(symbol, ZERO), positions.get(symbol, ZERO)
            size = min(abs(owned), abs(held)) if owned * held > 0 else ZERO
            if size <= self._covered(symbol, held):
                since = self._bare_from.pop(symbol, now_ms)
                if since < now_ms:
                    self._bare.append(Bare(symbol, since, now_ms))
            else:
                self._bare_from.setdefault(symbol, now_ms)
        entries = [
            order.request.symbol
            for order in self.paper.state.orders.values()
            if not order.request.reduce_only and _is_ours(order.request.client_id)
        ]
        self._crowded |= {symbol for symbol in entries if entries.count(symbol) > 1}
        held_by_us = {symbol for symbol, size in ours.items() if size}
        self._busiest = max(
            self._busiest, len(held_by_us & set(positions) | {*entries})
        )

    def _ours(self) -> dict[str, Any]:
        ours: dict[str, Any] = {}
        for fill in self.paper.state.fills:
            if _is_ours(fill.client_id):
                change = fill.side.sign * fill.quantity
                ours[fill.symbol] = ours.get(fill.symbol, ZERO) + change
        return ours

    def _covered(self, symbol: str, held: Any) -> Any:
        """How much of a position live orders take off when it goes wrong."""
        return sum(
            order.remaining
            for order in self.paper.state.orders.values()
            if order.request.symbol == symbol
            and order.request.kind is not OrderKind.LIMIT
            and order.request.reduce_only
            and order.request.side.sign * held < 0
        )

    # --- the line ---------------------------------------------------------------

    def _hear(self, update: ExchangeUpdate) -> None:
        self._unsent.append(framed(Told(self.clock.now_ms(), update)))

    async def serve(self, line: trio.SocketStream) -> None:
        """Answer one connection until it ends."""
        frames, is_engine = Frames(), False
        with suppress(trio.BrokenResourceError):
            async for more in line:
                frames.add(more)
                for frame in frames.whole():
                    ask = read_ask(frame)
                    is_engine |= ask.method == "hello"
                    answer = await self._answered(ask)
                    told, self._unsent = self._unsent, []
                    await line.send_all(b"".join(told) + framed(answer))
        if is_engine:
            await self.gone()

    async def _answered(self, ask: Ask) -> Answer:
        types, _result = (METHODS | CONTROL)[ask.method]
        args = msgspec.msgpack.decode(ask.args, type=types)
        act: Callable[..., Awaitable[Any]] | None = getattr(self, ask.method, None)
        act = act or getattr(self.paper, ask.method)
        result, error = None, ""
        try:
            result = await act(*args)
        except ExchangeError as failure:
            error = str(failure)
        paper = self.paper
        status = Status(
            self.clock.now_ms(), paper.active(), paper.held(), paper.account_serial
        )
        return Answer(ask.number, status, msgspec.Raw(encode(result)), error)


def _is_ours(client_id: str) -> bool:
    return client_id.startswith("bx")


def run_exchange(
    scenario: Scenario, world: World, journal: Path, listening: socket
) -> None:
    """Be the exchange's process, until the harness goes away."""

    async def main() -> None:
        hall = Hall(world, journal, pieces=scenario.pieces)
        door = trio.SocketListener(trio.socket.from_stdlib_socket(listening))
        await trio.serve_listeners(hall.serve, [door])

    trio.run(main)
