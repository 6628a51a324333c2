"""One connection: subscribes to its topics, and leads each message where it belongs.

A message finds its way by the bytes at its beginning, which are the same for one topic
only, in one dictionary: the cost does not grow with the number of symbols. A message
without such a beginning is read as a control message, or by the topic that it names.

A lane ends with its connection and says why. It also ends itself, when the connection
is there but brings no data any more for as long as the budgets allow.
"""

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import trio

from actors.domain.freshness import Now
from actors.market.live.hub import Hub
from actors.market.live.pace import Pace
from actors.market.live.symbol import SymbolStream
from actors.market.live.wire import Answer, Channel, Control
from actors.sockets import PeerSilent, SocketError, WebSocket, open_websocket

Take = Callable[[Now, bytes], None]
Sink = Callable[[Now, Sequence[Any], int], None]
#: A request that is not answered within this time does not hold up a take-over.
ANSWER_SECONDS = 10.0


class Topic(msgspec.Struct, frozen=True):
    """One channel of one symbol."""

    name: str
    channel: Channel
    native: str


class Plan(msgspec.Struct, frozen=True):
    """What one connection carries."""

    endpoint: str
    topics: tuple[Topic, ...]


class Lane:
    """One life of one connection."""

    def __init__(self, plan: Plan, hub: Hub, changed: Callable[[], None]) -> None:
        self.generation = hub.next_generation()
        self.ready = False  # subscribed, and data comes
        self.closing = False  # the exchange has said that it will hang up
        self.reason: SocketError | None = None  # set: it is over
        self.messages = 0
        self.opened_at = trio.current_time()
        self._plan = plan
        self._hub = hub
        self._changed = changed
        self._socket: WebSocket | None = None
        self._scope = trio.CancelScope()
        self._over = trio.Event()
        self._routes: dict[bytes, Take] = {}
        self._named = {
            topic.name: self._route(topic, hub.symbols[topic.native])
            for topic in plan.topics
        }
        self._requests: deque[tuple[bool, tuple[str, ...]]] = deque()
        self._wanted = trio.Event()
        self._asked: dict[int, tuple[str, ...]] = {}
        self._unanswered = set(self._named)
        self._data_at = trio.current_time()
        self._dialled_ms = 0

    def _route(self, topic: Topic, symbol: SymbolStream) -> Take:
        sinks: dict[Channel, Sink] = {
            Channel.TRADES: symbol.trades,
            Channel.QUOTE: symbol.quotes,
            Channel.CANDLE: symbol.candles,
            Channel.DEPTH: symbol.depths,
        }
        sink = sinks[topic.channel]
        decode, generation = self._hub.dialect.decode(topic.channel), self.generation

        def take(now: Now, payload: bytes) -> None:
            sink(now, decode(payload), generation)

        return take

    # --- its life -------------------------------------------------------------------

    async def run(self) -> None:
        """Dial, subscribe and read until it is over; `reason` says why it was."""
        try:
            with self._scope:
                await self._live()
        except SocketError as error:
            self.reason = self.reason or error
            self._hub.failed(error, self._dialled_ms)
        finally:
            self._socket = None
            self._over.set()
            self._changed()

    async def _live(self) -> None:
        hub = self._hub
        self._dialled_ms = await hub.turn()
        url = hub.stream_url + self._plan.endpoint
        async with open_websocket(url, hub.terms) as socket:
            self._socket, self._data_at = socket, trio.current_time()
            self._ask_for_all()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._send_requests, socket)
                nursery.start_soon(self._watch, socket)
                self.reason = await self._read(socket)
                nursery.cancel_scope.cancel()

    async def retire(self) -> None:
        """Say goodbye, or dial no longer: another lane goes on. It is over then."""
        if self._socket is not None:
            await self._socket.aclose()
        self._scope.cancel()
        await self._over.wait()

    async def _read(self, socket: WebSocket) -> SocketError:
        """Lead messages to their symbols; this is the hot loop."""
        head, routes, hub = self._hub.dialect.head, self._routes, self._hub
        while True:
            try:
                batch = await socket.receive()
            except SocketError as error:
                return self.reason or error
            now = hub.now()
            taken = 0
            for payload in batch:
                take = routes.get(head(payload))
                try:
                    if take is None:
                        self._rare(now, payload)
                    else:
                        take(now, payload)
                        taken += 1
                except (msgspec.MsgspecError, ValueError, LookupError) as error:
                    # One damaged message costs itself; a book notices what it misses.
                    hub.tell("damaged_message", error=str(error), text=payload[:200])
            if taken:
                self._brought(taken)

    def _brought(self, taken: int) -> None:
        self.messages += taken
        self._data_at = trio.current_time()
        if not self.ready and not self._unanswered:
            self._become_ready()

    def _become_ready(self) -> None:
        self.ready = True
        self._hub.first_data.set()
        self._changed()

    def _rare(self, now: Now, payload: bytes) -> None:
        """Take a message whose beginning is not known yet, or a control message."""
        name = self._hub.dialect.named(payload)
        take = self._named.get(name) if name is not None else None
        if take is None:
            self._control(self._hub.dialect.answer(payload))
            return
        head = self._hub.dialect.head(payload)
        if head and len(self._routes) <= len(self._named):
            self._routes[head] = take
        take(now, payload)
        self._brought(1)

    def _control(self, answer: Answer) -> None:
        if answer.control is Control.TAKEN:
            self._answered(answer)
        elif answer.control is Control.REFUSED:
            self._refused(answer)
        elif answer.control is Control.CLOSING:
            self._hub.tell("closing_announced", text=answer.text)
            self.closing = True
            self._changed()
        elif answer.control is Control.UNHANDLED:
            self._hub.tell("unhandled_message", text=answer.text)

    # --- subscribing ----------------------------------------------------------------

    def _ask_for_all(self) -> None:
        limits = self._hub.dialect.limits
        names = [topic.name for topic in self._plan.topics]
        for at in range(0, len(names), limits.topics_per_request):
            self._ask(tuple(names[at : at + limits.topics_per_request]))

    def _ask(self, names: tuple[str, ...], *, wanted: bool = True) -> None:
        self._requests.append((wanted, names))
        self._wanted.set()

    def resubscribe(self, name: str) -> None:
        """End one subscription and begin it anew: its book comes whole again."""
        if name in self._named and (True, (name,)) not in self._requests:
            self._ask((name,), wanted=False)
            self._ask((name,))

    async def _send_requests(self, socket: WebSocket) -> None:
        dialect = self._hub.dialect
        pace = Pace(dialect.limits.requests_per_second)
        hourly = dialect.limits.requests_per_hour
        budget = Pace(hourly / 3600, burst=hourly) if hourly else None
        number = 0
        while True:
            await self._wanted.wait()
            self._wanted = trio.Event()
            while self._requests:
                await pace.wait()
                if budget is not None:
                    await budget.wait()
                wanted, names = self._requests.popleft()
                number += 1
                write = dialect.subscribe if wanted else dialect.unsubscribe
                self._asked[number] = names if wanted else ()
                try:
                    await socket.send_text(write(names, number))
                except SocketError:
                    return  # the reader meets the same end and tells it

    def _answered(self, answer: Answer) -> None:
        names = self._asked.pop(answer.request or 0, ())
        if answer.topic is not None:
            names = (answer.topic,)
        self._unanswered.difference_update(names)

    def _refused(self, answer: Answer) -> None:
        """One bad topic may spoil a whole request: then each is asked for alone."""
        names = self._asked.pop(answer.request or 0, ())
        if answer.topic is not None:
            names = (answer.topic,)
        if len(names) > 1:
            for name in names:
                self._ask((name,))
            return
        self._hub.tell("topic_refused", topic=names, text=answer.text)
        self._unanswered.difference_update(names)

    # --- watching -------------------------------------------------------------------

    async def _watch(self, socket: WebSocket) -> None:
        """Cut a connection that lives and brings nothing."""
        limit_seconds = self._hub.budgets.stale_ms_max / 1e3
        while True:
            await trio.sleep(min(1.0, max(0.05, limit_seconds / 4)))
            now = trio.current_time()
            silent = now - self._data_at
            if silent >= limit_seconds:
                text = f"{self._plan.endpoint}: no data for {silent:.1f} s"
                self.reason = PeerSilent(text)
                await socket.cut()
                return
            waited = now - self.opened_at >= ANSWER_SECONDS
            if waited and not self.ready and self.messages:
                self._unanswered.clear()
                self._become_ready()
