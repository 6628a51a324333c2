"""The engine's end of the line: a SimulatedExchange that lives in another process."""

from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import trio

from actors.domain.crash_points import CrashPoint
from actors.domain.errors import ExchangeError
from actors.domain.orders import (
    ExchangePosition,
    Fill,
    OpenOrder,
    OrderKind,
    OrderRequest,
    OrderUpdate,
    Outcome,
)
from actors.exchange.paper.exchange import CAPABILITIES
from actors.exchange.port import UpdateSink
from actors.runtime.clock import MarketClock
from actors.runtime.crash import reached
from tests.crash.wire import (
    METHODS,
    Answer,
    Frames,
    LaidOut,
    Status,
    asking,
    read_word,
)


class RemoteExchange:
    """Asks one thing after another; a caller that goes away leaves no disorder."""

    capabilities = CAPABILITIES

    def __init__(self, line: trio.SocketStream, clock: MarketClock) -> None:
        self._line = line
        self.clock = clock
        self._frames = Frames()
        self._turn = trio.Lock()
        self._number = 0
        self._status = Status()
        self._laid_out: list[LaidOut] = []
        self._sink: UpdateSink | None = None
        #: Awaited before each step's first play: where a script may act.
        self.before: Callable[[int], Awaitable[None]] | None = None
        self._step_ms = 0

    @classmethod
    async def dial(cls, path: Path, clock: MarketClock) -> "RemoteExchange":
        remote = cls(await trio.open_unix_socket(path), clock)
        await remote._ask("hello")
        return remote

    def connect(self, sink: UpdateSink) -> None:
        self._sink = sink

    # --- the account ------------------------------------------------------------

    async def place(self, request: OrderRequest) -> Outcome:
        stop = request.kind is OrderKind.STOP_MARKET
        point = CrashPoint.STOP_SENT if stop else CrashPoint.SENT
        outcome: Outcome = await self._ask("place", request, point=point)
        return outcome

    async def cancel(self, symbol: str, client_id: str) -> Outcome:
        outcome: Outcome = await self._ask(
            "cancel", symbol, client_id, point=CrashPoint.CANCEL_SENT
        )
        return outcome

    async def fetch_order(self, symbol: str, client_id: str) -> OrderUpdate | None:
        found: OrderUpdate | None = await self._ask("fetch_order", symbol, client_id)
        return found

    async def fetch_open_orders(self) -> tuple[OpenOrder, ...]:
        return tuple(await self._ask("fetch_open_orders"))

    async def fetch_positions(self) -> tuple[ExchangePosition, ...]:
        return tuple(await self._ask("fetch_positions"))

    async def fetch_fills(self, since_ms: int) -> tuple[Fill, ...]:
        return tuple(await self._ask("fetch_fills", since_ms))

    async def fetch_balance(self) -> Decimal:
        return Decimal(await self._ask("fetch_balance"))

    async def fetch_equity(self) -> Decimal:
        return Decimal(await self._ask("fetch_equity"))

    async def fetch_time(self) -> int:
        return int(await self._ask("fetch_time"))

    # --- the market -------------------------------------------------------------

    @property
    def account_serial(self) -> int:
        return self._status.account_serial

    @property
    def now_ms(self) -> int:
        return self._status.now_ms

    def active(self) -> frozenset[str]:
        return self._status.active

    def held(self) -> frozenset[str]:
        return self._status.held

    def open_bar(self, symbol: str, bar: Any, open_ms: int, close_ms: int) -> None:
        self._laid_out.append(LaidOut(symbol, bar.tobytes(), open_ms, close_ms))

    async def play(self, until_ms: int) -> bool:
        if until_ms > self._step_ms:
            self._step_ms = until_ms
            if self.before is not None:
                await self.before(until_ms)
        bars, self._laid_out = tuple(self._laid_out), []
        return bool(await self._ask("play", until_ms, bars))

    # --- the line ---------------------------------------------------------------

    async def _ask(
        self, method: str, *args: Any, point: CrashPoint | None = None
    ) -> Any:
        async with self._turn:
            self._number += 1
            with trio.CancelScope(shield=True):  # half a frame would end the line
                await self._line.send_all(asking(self._number, method, args))
            if point is not None:
                reached(point)
            answer = await self._answer(self._number)
        if answer.error:
            raise ExchangeError(answer.error)
        return msgspec.msgpack.decode(answer.result, type=METHODS[method][1])

    async def _answer(self, number: int) -> Answer:
        """Read on to the answer wanted; hand over what is told on the way."""
        while True:
            frame = self._frames.next()
            if frame is None:
                more = await self._line.receive_some()
                if not more:
                    msg = "the exchange hung up"
                    raise ExchangeError(msg)
                self._frames.add(more)
                continue
            word = read_word(frame)
            if isinstance(word, Answer):
                self._status = word.status
                self._advance(word.status.now_ms)
                if word.number == number:
                    return word
            else:
                self._advance(word.now_ms)
                assert self._sink is not None, "connect a sink before the market moves"
                self._sink(word.update)

    def _advance(self, now_ms: int) -> None:
        if now_ms > self.clock.now_ms():
            self.clock.advance_to(now_ms)
