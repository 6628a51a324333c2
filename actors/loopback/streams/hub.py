"""Who listens to what: topics, the lines that follow them, and the feed's faults.

A message is encoded once and framed once for each name under which it is followed,
however many clients follow it.
"""

from actors.loopback.exchange import Exchange
from actors.loopback.floor.pit import Venue
from actors.loopback.floor.tape import INTERVALS_MS
from actors.loopback.streams.frames import frame, wrapped
from actors.loopback.streams.line import Line

#: Venue, symbol ("!" for all of them), channel.
Topic = tuple[Venue, str, str]
STREAMS_MAX = 1_024  # on one line
PLAIN = frozenset(
    {"trade", "aggTrade", "bookTicker", "ticker", "miniTicker", "markPrice", "depth"}
)
PARTIAL = frozenset({"depth5", "depth10", "depth20"})
FEED_FAULTS = (
    *("feed_frozen", "feed_dropped", "feed_twice", "feed_shuffled", "maintenance"),
)


def topic_of(venue: Venue, name: str) -> Topic | None:
    """Read a stream's name; None: there is no such stream here."""
    head, _, rest = name.partition("@")
    channel = rest.partition("@")[0]
    if head.startswith("!"):
        return (venue, "!", head[1:]) if head[1:] in PLAIN else None
    known = channel in PLAIN or channel in PARTIAL
    kline = channel.startswith("kline_") and channel[6:] in INTERVALS_MS
    return (venue, head.upper(), channel) if known or kline else None


class Hub:
    """All lines and what they follow."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self.lines: dict[Line, None] = {}
        self.messages = 0
        self._topics: dict[Topic, dict[str, dict[Line, None]]] = {}
        self._held: dict[Topic, bytes] = {}

    def follow(self, line: Line, name: str) -> bool:
        """Let a line follow a stream; what does not exist is followed in silence."""
        if name in line.names:
            return True
        if len(line.names) >= STREAMS_MAX:
            return False
        line.names.add(name)
        topic = topic_of(line.venue, name)
        if topic is not None:
            self._topics.setdefault(topic, {}).setdefault(name, {})[line] = None
            if topic[2].startswith("kline_"):
                self._follow_candle(topic)
        return True

    def _follow_candle(self, topic: Topic) -> None:
        pit = self._exchange.pit(topic[0], topic[1])
        if pit is not None:
            pit.tape.follow(INTERVALS_MS[topic[2][6:]], self._exchange.now_ms())

    def leave(self, line: Line, name: str) -> None:
        """Let a line not follow a stream any more."""
        line.names.discard(name)
        topic = topic_of(line.venue, name)
        names = self._topics.get(topic) if topic is not None else None
        if topic is None or names is None or name not in names:
            return
        names[name].pop(line, None)
        if not names[name]:
            del names[name]
        if not names:
            del self._topics[topic]

    def add(self, line: Line) -> None:
        """Know a line."""
        self.lines[line] = None

    def remove(self, line: Line) -> None:
        """Forget a line and all that it follows."""
        for name in sorted(line.names):
            self.leave(line, name)
        self.lines.pop(line, None)

    def followed(self, topic: Topic) -> bool:
        """Say whether anybody follows a topic."""
        return topic in self._topics

    def tell(self, topic: Topic, payload: bytes) -> None:
        """Send a message to all who follow its topic, unless a fault is in the way."""
        if not self._exchange.menu.any_on(*FEED_FAULTS):
            self._send(topic, payload)
            return
        for message in self._spoiled(topic, payload):
            self._send(topic, message)

    def _spoiled(self, topic: Topic, payload: bytes) -> list[bytes]:
        menu, subject = self._exchange.menu, (topic[1], topic[2])
        if menu.active("maintenance") or menu.hit("feed_frozen", *subject):
            return []
        if menu.hit("feed_dropped", *subject):
            return []
        if menu.hit("feed_shuffled", *subject) and topic not in self._held:
            self._held[topic] = payload
            return []
        told = [payload] * (2 if menu.hit("feed_twice", *subject) else 1)
        held = self._held.pop(topic, None)
        return told if held is None else [*told, held]

    def _send(self, topic: Topic, payload: bytes) -> None:
        for name, lines in self._topics.get(topic, {}).items():
            plain, inside = b"", b""
            for line in lines:
                if line.combined:
                    inside = inside or frame(wrapped(name, payload))
                    line.send(inside)
                else:
                    plain = plain or frame(payload)
                    line.send(plain)
                self.messages += 1
