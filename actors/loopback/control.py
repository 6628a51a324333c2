"""The /sim endpoints: what a test or a person may ask of the exchange itself.

They are no part of any exchange: no signature, no limit, no fault touches them.

    GET  /sim/status    what is listed, how much was told, limits earned, faults come
    GET  /sim/clock     a point of the exchange's clock on the machine's (see clock.py)
    GET  /sim/truth     everything that really happened to the account
    GET  /sim/faults    the menu, what is on, how often each came
    POST /sim/faults    {"name": {"chance": 0.1, ...}, "other": null}; null switches off
    POST /sim/do        {"act": "foreign_order" | "manual_close", "symbol": "BTCUSDT"}
                        {"act": "wick", "symbol": "BTCUSDT", "price": "90000.1"}
    POST /sim/advance   {"ms": 60000}: speed `hand` only; live so much of the market
"""

from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import msgspec

from actors.domain.money import ZERO
from actors.loopback.accounts.order import Order
from actors.loopback.acts import Acts
from actors.loopback.clock import Pace
from actors.loopback.exchange import Exchange
from actors.loopback.faults.menu import Fault, UnknownFault
from actors.loopback.floor.pit import Venue
from actors.loopback.rest.request import Reply, Request
from actors.loopback.streams.hub import Hub
from actors.loopback.streams.users import Users
from actors.loopback.truth import Witness

ADVANCE_MS_MAX = 86_400_000
FAULTS = dict[str, Fault | None]


class Act(msgspec.Struct, forbid_unknown_fields=True):
    """What somebody does to the account by hand, or to the market."""

    act: str
    symbol: str = ""
    price: Decimal = ZERO


class Advance(msgspec.Struct, forbid_unknown_fields=True):
    """How far the market is to go."""

    ms: int


class Control:
    """Answers everything below /sim."""

    def __init__(
        self, exchange: Exchange, acts: Acts, witness: Witness, told: tuple[Hub, Users]
    ) -> None:
        self._exchange, self._acts, self._witness = exchange, acts, witness
        self._hub, self._users = told
        #: Called when faults have been switched; the sockets put themselves here.
        self.switched: Callable[[], None] = lambda: None
        #: Lives the market so far and tells it; the runner puts itself here.
        self.advance: Callable[[int], Awaitable[None]] | None = None

    async def answer(self, request: Request) -> Reply:
        """Answer one request."""
        acts: dict[tuple[str, str], Callable[[], dict[str, Any]]] = {
            ("GET", "/sim/status"): self._status,
            ("GET", "/sim/clock"): self._clock,
            ("GET", "/sim/truth"): self._witness.tell,
            ("GET", "/sim/faults"): self._exchange.menu.show,
            ("POST", "/sim/faults"): lambda: self._switch(request),
            ("POST", "/sim/do"): lambda: self._do(request),
        }
        act = acts.get((request.method, request.path))
        try:
            if (request.method, request.path) == ("POST", "/sim/advance"):
                return Reply(body=msgspec.json.encode(await self._advance(request)))
            if act is None:
                return _no("no such thing; see the head of control.py", 404)
            return Reply(body=msgspec.json.encode(act()))
        except (msgspec.MsgspecError, UnknownFault) as error:
            return _no(str(error), 400)

    def _status(self) -> dict[str, Any]:
        exchange = self._exchange
        limiters = exchange.limiters
        return {
            "market": exchange.settings.market,
            "nowMs": exchange.now_ms(),
            "begunMs": exchange.begun_ms,
            "speed": exchange.settings.speed,
            "over": exchange.over,
            "slips": exchange.clock.slips,
            "symbols": {str(v): len(exchange.listed(v)) for v in Venue},
            "lines": len(self._hub.lines),
            "messages": self._hub.messages,
            "userEvents": self._users.told,
            "limits": {
                str(venue): {
                    "earned429": limiter.earned[429],
                    "earned418": limiter.earned[418],
                    "weightMost": limiter.weight_most,
                }
                for venue, limiter in limiters.items()
            },
            "faults": exchange.menu.fired,
        }

    def _clock(self) -> dict[str, Any]:
        clock = self._exchange.clock
        monotonic, market_ms = clock.point()
        return {
            "monotonic": monotonic,
            "marketMs": market_ms,
            "speed": clock.speed if clock.pace is Pace.STEADY else 0.0,
            "pace": clock.pace,
            "slips": clock.slips,
        }

    def _switch(self, request: Request) -> dict[str, Any]:
        wanted = msgspec.json.decode(request.body.encode(), type=FAULTS)
        for name, fault in wanted.items():
            self._exchange.menu.switch(name, fault)
        self.switched()
        return self._exchange.menu.show()

    def _do(self, request: Request) -> dict[str, Any]:
        wanted = msgspec.json.decode(request.body.encode(), type=Act)
        acts: dict[str, Callable[[str], Order | None]] = {
            "foreign_order": self._acts.foreign_order,
            "manual_close": self._acts.manual_close,
            "wick": lambda symbol: self._acts.wick(symbol, wanted.price),
        }
        if wanted.act not in acts:
            msg = f"no act {wanted.act!r}; there are {', '.join(sorted(acts))}"
            raise UnknownFault(msg)
        order = acts[wanted.act](wanted.symbol)
        return {"clientOrderId": order.client_id if order is not None else None}

    async def _advance(self, request: Request) -> dict[str, Any]:
        wanted = msgspec.json.decode(request.body.encode(), type=Advance)
        if self._exchange.clock.pace is not Pace.HAND or self.advance is None:
            msg = "the market goes on by itself; it is moved by hand at speed hand only"
            raise UnknownFault(msg)
        if not 0 <= wanted.ms <= ADVANCE_MS_MAX:
            msg = f"{wanted.ms} ms: advance by 0 to {ADVANCE_MS_MAX}"
            raise UnknownFault(msg)
        await self.advance(wanted.ms)
        return {"nowMs": self._exchange.now_ms(), "over": self._exchange.over}


def _no(why: str, status: int) -> Reply:
    return Reply(status=status, body=msgspec.json.encode({"error": why}))
