"""A gate on virtual time, and what it told."""

from pathlib import Path
from typing import Any

import trio

from actors.domain.messages import Alert
from actors.exchange.gate import Bans, Gate, Terms, terms_of

BEGAN_MS = 1_764_295_200_000


class TrioClock:
    """The hour as trio's clock goes on; a test may set it."""

    def __init__(self) -> None:
        self.set_ms = 0

    def now_ms(self) -> int:
        return BEGAN_MS + self.set_ms + round(trio.current_time() * 1000)


class Gated:
    """A gate with everything that a test looks at."""

    def __init__(self, terms: Terms | None = None, path: Path | None = None) -> None:
        self.clock = TrioClock()
        self.alerts: list[Alert] = []
        self.bans = Bans(path, self.clock)
        self.terms = terms or terms_of("binanceusdm")
        self.gate = Gate(self.terms, self.bans, self.clock, self.alerts.append)

    async def ask(self, status: int = 200, lane: Any = None, **more: Any) -> float:
        """Ask once and be answered after `seconds`; tell when it was sent."""
        cost, seconds = more.pop("cost", 1.0), more.pop("seconds", 0.0)
        headers = {name.replace("_", "-"): str(v) for name, v in more.items()}
        async with self.gate.request(cost, lane) as ticket:
            sent = trio.current_time()
            await trio.sleep(seconds)
            ticket.told(status, headers)
        return sent
