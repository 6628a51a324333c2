"""What faults do to WebSockets: silence, cuts, shutdowns; and their natural end."""

import msgspec
import trio

from actors.loopback.exchange import Exchange
from actors.loopback.rest.signing import told_ms
from actors.loopback.streams.frames import close_frame
from actors.loopback.streams.hub import Hub

DAY_MS = 86_400_000  # a WebSocket lives no longer


class Mischief:
    """Looks after the lines once a minute, and when faults are switched."""

    def __init__(self, exchange: Exchange, hub: Hub, nursery: trio.Nursery) -> None:
        self._exchange, self._hub, self._nursery = exchange, hub, nursery
        exchange.minutely.append(self._minute)

    def look(self) -> None:
        """Let the faults that are on have their way with the lines."""
        menu = self._exchange.menu
        for line in list(self._hub.lines):
            venue = str(line.venue)
            if menu.active("socket_silent") and menu.hit("socket_silent", venue):
                line.silent = True
            if menu.active("socket_dropped") and menu.hit("socket_dropped", venue):
                line.end()
        if self._hub.lines and (fault := menu.hit("server_shutdown")):
            self._nursery.start_soon(self._shut_down, fault.ms)

    async def _shut_down(self, ms: int) -> None:
        told = {"e": "serverShutdown", "E": told_ms(self._exchange)}
        lines = list(self._hub.lines)
        for line in lines:
            line.say(msgspec.json.encode(told))
        await trio.sleep(ms / 1_000)
        for line in lines:
            line.send(close_frame(1001, "server shutdown"))
            line.end_after_batch()

    def _minute(self, now_ms: int) -> None:
        for line in list(self._hub.lines):
            if now_ms - line.opened_ms > DAY_MS:
                line.send(close_frame(1001, "24 hours are over"))
                line.end_after_batch()
        self.look()
