"""The hub: every fact of the engine on its way to every client that asked for it.

Nothing is queued per client. An event topic keeps its newest facts in one ring that
all clients read, each with a cursor of its own; a state topic keeps only its newest
version of each row. A client that falls behind a ring's oldest fact is told so
(RESYNC) and gets a snapshot. So memory does not grow with slow clients, a publisher
does the same small work whoever listens, and what is encoded is encoded once.

Rejected: a bounded queue per client. It copies every fact as often as there are
clients, inside `publish`, which is the engine's time.
"""

from collections.abc import Callable
from heapq import merge

import msgspec
import trio

from actors.domain.messages import Published
from actors.domain.views import EngineView
from actors.runtime.clock import Clock
from control import wire
from control.live.client import Client
from control.live.topics import EventTopic, Stamped, StateTopic, snapshot

CLIENTS_MAX = 32
EVENTS_PER_FRAME_MAX = 256
STATE_SECONDS = 0.1
JOIN_SECONDS = 0.05
STALL_SECONDS_MAX = 2.0
STALL_CHECK_SECONDS = 0.5
WAKE_CHUNK = 8
TURN_CLIENTS = 4


class HubStatistics(msgspec.Struct, frozen=True):
    """The hub at a glance."""

    clients: int
    published: int
    frames: int
    resyncs: int
    stuck: int


class Hub:
    """Implements `views.Publisher`; `run` is its one task."""

    def __init__(self, engine: EngineView, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock
        # A sequence starts above every one of an earlier run: a client that comes
        # back after a restart can then never mistake a gap for a continuation.
        first = clock.now_ms() * 1000
        self._events = {name: EventTopic(name, first) for name in wire.EVENT_TOPICS}
        self._states: dict[str, StateTopic] = {}
        self._first = first
        self._clients: set[Client] = set()
        self._stir = trio.Event()
        self._serial = 0
        self._framed: tuple[list[bytes], str] = ([], "[]")
        self._frames = 0
        self._resyncs = 0
        self._stuck = 0
        self.is_closing = False
        self.emptied = trio.Event()  # since it closes

    # --- the engine's side -------------------------------------------------------

    @property
    def watched(self) -> bool:
        """A client may come at any moment, and reads are answered from here too."""
        return True

    def publish(self, fact: Published) -> None:
        """Take one fact: constant work, no encoding, no waiting, no error."""
        self._serial += 1
        topic = self._events.get(fact.topic)
        if topic is not None:
            topic.append(self._serial, fact)
        elif (state := self._states.get(fact.topic)) is not None:
            state.take(fact)
        if self._clients:
            self._stir.set()

    # --- the clients' side -------------------------------------------------------

    def join(self, abort: Callable[[], None]) -> Client | None:
        """Take a client in; None: there are CLIENTS_MAX already."""
        if len(self._clients) >= CLIENTS_MAX:
            return None
        client = Client(abort)
        self._clients.add(client)
        return client

    def leave(self, client: Client) -> None:
        """Let a client go."""
        self._clients.discard(client)
        self._forget_unwatched()
        if self.is_closing and not self._clients:
            self.emptied.set()

    def dismiss(self) -> None:
        """Ask every client to go (1012): the engine stops; it may come back."""
        self.is_closing = True
        for client in self._clients:
            client.wake.set()
        if not self._clients:
            self.emptied.set()

    def statistics(self) -> HubStatistics:
        """Return a frozen snapshot of the hub's counts."""
        return HubStatistics(
            clients=len(self._clients),
            published=self._serial,
            frames=self._frames,
            resyncs=self._resyncs,
            stuck=self._stuck,
        )

    def subscribe(self, client: Client, name: str, after: int | None = None) -> bool:
        """Start a topic: behind `after` when the ring still has it, else a snapshot.

        Returns False when there is no such topic.
        """
        if name in self._events:
            topic = self._events[name]
            if after is not None and topic.holds(after):
                client.cursors[name] = after
            else:
                self._send_snapshot(client, name, resync=after is not None)
        elif name in wire.POLLED_TOPICS or self._is_known_symbol(name):
            if name not in self._states:
                self._states[name] = StateTopic(name, self._first)
                self._states[name].poll(self._engine, self._clock.now_ms())
            self._send_snapshot(client, name, resync=after is not None)
        else:
            return False
        client.wake.set()
        self._stir.set()
        return True

    def unsubscribe(self, client: Client, name: str) -> None:
        """Stop a topic; one that was never asked for is no error."""
        client.cursors.pop(name, None)
        client.versions.pop(name, None)
        self._forget_unwatched()

    def take(self, client: Client) -> list[bytes]:
        """Return what this client has not had yet: answers, events, then state."""
        client.wake = trio.Event()
        taken, client.answers = client.answers, []
        self._resync_if_behind(client)
        taken += client.answers
        client.answers = []
        taken += self._pending_events(client)
        if client.has_state_turn:
            client.has_state_turn = False
            for name, version in client.versions.items():
                newer = self._states[name].since(version)
                # Alone it is every client's: `frame` knows it again.
                taken = taken + newer if taken else newer
                client.versions[name] = self._states[name].version
        self._frames += bool(taken)
        return taken

    def frame(self, envelopes: list[bytes]) -> str:
        """Join envelopes into a frame; what all clients get alike is joined once."""
        known, text = self._framed
        if known is not envelopes:
            text = wire.frame(envelopes)
            self._framed = (envelopes, text)
        return text

    # --- the hub's own task ------------------------------------------------------

    async def run(self) -> None:
        """Flush for ever: events at once and joined, state at 10 Hz at most."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._watch_stuck)
            nursery.start_soon(self._flush_states)
            await self._flush_events()

    async def _flush_events(self) -> None:
        """Wake in chunks, so that a broadcast never holds the engine's loop."""
        while True:
            await self._stir.wait()
            self._stir = trio.Event()
            for position, client in enumerate(tuple(self._clients), 1):
                if self._has_events(client):
                    client.wake.set()
                if position % WAKE_CHUNK == 0:
                    await trio.lowlevel.checkpoint()
            await trio.sleep(JOIN_SECONDS)

    async def _flush_states(self) -> None:
        """Read the state topics, then give each client its turn within the period.

        All rows of hundreds of symbols are 100 KB for each client: sent to all at once
        they held the loop for 10 ms and more. A few at a time hold it for one; singly
        it would be half of that, but the loop's own turns would then cost a fifth more.
        """
        while True:
            begun = trio.current_time()
            for topic in tuple(self._states.values()):
                topic.poll(self._engine, self._clock.now_ms())
                await trio.lowlevel.checkpoint()
            waiting = [client for client in self._clients if self._has_state(client)]
            for position, client in enumerate(waiting):
                client.has_state_turn = True
                client.wake.set()
                if (position + 1) % TURN_CLIENTS == 0:
                    turn = STATE_SECONDS * (position + 1) / len(waiting)
                    await trio.sleep_until(begun + turn)
            await trio.sleep_until(begun + STATE_SECONDS)

    async def _watch_stuck(self) -> None:
        """Abort who has not taken one frame for too long: no close could reach it."""
        while True:
            await trio.sleep(STALL_CHECK_SECONDS)
            now = trio.current_time()
            for client in tuple(self._clients):
                since = client.sending_since
                if since is not None and now - since > STALL_SECONDS_MAX:
                    self._stuck += 1
                    client.sending_since = None
                    client.abort()

    # --- inside ------------------------------------------------------------------

    def _has_events(self, client: Client) -> bool:
        return any(
            self._events[name].newest > cursor
            for name, cursor in client.cursors.items()
        )

    def _has_state(self, client: Client) -> bool:
        return any(
            self._states[name].version > version
            for name, version in client.versions.items()
        )

    def _pending_events(self, client: Client) -> list[bytes]:
        """Merge the topics in the order of publishing, EVENTS_PER_FRAME_MAX at most."""
        lanes = (
            self._events[name].after(cursor) for name, cursor in client.cursors.items()
        )
        taken: list[bytes] = []
        for stamped in merge(*lanes, key=_serial):
            if len(taken) >= EVENTS_PER_FRAME_MAX:
                client.wake.set()  # the rest goes in the next frame
                break
            client.cursors[stamped.topic] = stamped.seq
            taken.append(stamped.envelope())
        return taken

    def _resync_if_behind(self, client: Client) -> None:
        for name, cursor in tuple(client.cursors.items()):
            if not self._events[name].holds(cursor):
                self._resyncs += 1
                client.resynced.append(trio.current_time())
                lost = {"topic": name, "after": cursor}
                client.answers.append(self._envelope("RESYNC", lost, name))
                self._send_snapshot(client, name, resync=True)

    def _send_snapshot(self, client: Client, name: str, *, resync: bool) -> None:
        if name in self._events:
            topic = self._events[name]
            body = snapshot(name, self._engine, topic)
            seq = client.cursors[name] = topic.newest
        else:
            body = self._states[name].whole()
            seq = client.versions[name] = self._states[name].version
        if resync:
            body["resync"] = True
        client.answer(self._envelope("SNAPSHOT", body, name, seq))

    def _envelope(self, kind: str, body: object, topic: str, seq: int = 0) -> bytes:
        now = self._clock.now_ms()
        return wire.encode(wire.Envelope(seq, now, kind, topic, body))

    def _is_known_symbol(self, name: str) -> bool:
        symbol = name.removeprefix(wire.SYMBOL_PREFIX)
        return symbol != name and self._engine.symbol(symbol) is not None

    def _forget_unwatched(self) -> None:
        """A state topic costs nothing when nobody watches it."""
        watched = {name for client in self._clients for name in client.versions}
        for name in self._states.keys() - watched:
            # Versions only rise: what starts anew starts above what was.
            self._first = max(self._first, self._states.pop(name).version + 1)


def _serial(stamped: Stamped) -> int:
    return stamped.serial
