"""The counter: takes a request, lets limits and faults have their say, answers it.

The order is that of a real exchange seen from outside: the line may break before
anything is read; then the gateway (maintenance, limits); then signature and time; then
the engine carries it out, in one go; then the answer may get lost on its way back.
"""

import msgspec
import trio

from actors.loopback.accounts.refusals import Refused
from actors.loopback.acts import Acts
from actors.loopback.exchange import Exchange
from actors.loopback.floor.pit import Venue
from actors.loopback.quotes import market
from actors.loopback.rest import wallet
from actors.loopback.rest.request import Asked, Reply, Request, Route, Table
from actors.loopback.rest.signing import authorised, told_ms
from actors.loopback.trading import conditional, futures, modes, positions, spot

ROUTES: Table = (
    market.SPOT
    | market.FUTURES
    | spot.ROUTES
    | futures.ROUTES
    | conditional.ROUTES
    | positions.ROUTES
    | modes.ROUTES
    | wallet.ROUTES
)
LATE_MAX = 1_000  # requests that are carried out late at once
_FAILED = b'{"code":-1000,"msg":"Unknown error, please try again later."}'
_TIMED_OUT = b'{"code":-1007,"msg":"Timeout waiting for response; status unknown."}'
_LATE_ERRORS = ((503, _FAILED), (504, _TIMED_OUT))
_GARBAGE = (
    b"<html><body><h1>502 Bad Gateway</h1></body></html>",
    b'{"orderId": 12',
    b"",
)
_DOWN = b'{"code":-1008,"msg":"System is under maintenance. Please try again later."}'


class LineBroken(Exception):
    """No answer is sent: the connection ends here."""

    def __init__(self, *, reset: bool) -> None:
        super().__init__("reset" if reset else "closed")
        self.reset = reset


class Counter:
    """Answers everything below /api, /fapi, /sapi, /dapi and /eapi."""

    def __init__(
        self, exchange: Exchange, acts: Acts, more: Table, nursery: trio.Nursery
    ) -> None:
        self.exchange, self.acts = exchange, acts
        self.routes = ROUTES | more
        self.answered = 0
        self._nursery = nursery
        self._late = 0

    async def answer(self, request: Request) -> Reply:
        """Answer one request. Raises LineBroken when a fault keeps the answer away."""
        menu = self.exchange.menu
        route = self.routes.get((request.method, request.path))
        kind = route.kind if route is not None else "public"
        subject = (kind, request.fields.get("symbol", ""), request.path)
        if menu.hit("connection_reset", *subject):
            raise LineBroken(reset=True)
        slow = menu.hit("slow_answers", *subject)
        if slow is not None:
            await trio.sleep(slow.ms / 1_000)
        reply = self._gateway(request, route, subject)
        if reply is not None:
            return reply
        assert route is not None
        if menu.hit("request_lost", *subject):
            raise LineBroken(reset=False)
        late = menu.hit("executed_late", *subject)
        if late is not None:
            self._carry_out_late(request, route, late.ms)
            raise LineBroken(reset=False)
        reply = self.carry_out(request, route)
        return self._way_back(reply, subject)

    def _gateway(
        self, request: Request, route: Route | None, subject: tuple[str, ...]
    ) -> Reply | None:
        """Answer what never reaches the engine."""
        menu = self.exchange.menu
        if menu.hit("maintenance", *subject) and "system/status" not in request.path:
            return Reply(status=503, body=_DOWN)
        if menu.hit("rate_storm", *subject):
            told = b'{"code":-1003,"msg":"Too many requests; please slow down."}'
            return Reply(status=429, body=told, headers=[("Retry-After", "1")])
        if route is None:
            return Reply(status=404, body=b'{"code":-5000,"msg":"Path not found."}')
        if menu.hit("error_before", *subject):
            return Reply(status=503, body=_DOWN)
        return self._limited(request, route)

    def _limited(self, request: Request, route: Route) -> Reply | None:
        limiter = self.exchange.limiters[venue_of(request.path)]
        now_ms, weight = told_ms(self.exchange), route.weight
        if callable(weight):
            try:
                weight = weight(self._asked(request))
            except Refused:
                weight = 1  # it will be refused for the same reason when it is read
        too_many = limiter.charge(now_ms, weight, route.orders)
        if too_many is None:
            return None
        return Reply(
            status=too_many.status,
            body=too_many.text.encode(),
            headers=[("Retry-After", str(too_many.retry_seconds))],
        )

    def carry_out(self, request: Request, route: Route) -> Reply:
        """Let the engine do what is asked, now."""
        self.answered += 1
        self.acts.look()
        try:
            reply = Reply(body=msgspec.json.encode(self._acted(request, route)))
        except Refused as refused:
            told = {"code": refused.code, "msg": refused.text}
            reply = Reply(status=refused.status, body=msgspec.json.encode(told))
        limiter = self.exchange.limiters[venue_of(request.path)]
        reply.headers = limiter.headers(told_ms(self.exchange), route.orders)
        return reply

    def _acted(self, request: Request, route: Route) -> object:
        acts = route.kind in {"place", "cancel"}
        if acts and self.exchange.menu.hit("refused_unlisted", route.kind):
            raise Refused(-9_999, "Something nobody has written down.")
        key = authorised(self.exchange, request, route)
        venue = venue_of(request.path)
        return route.act(Asked(self, venue, request.fields, key))

    def _way_back(self, reply: Reply, subject: tuple[str, ...]) -> Reply:
        """Lose or spoil an answer when a fault says so."""
        menu = self.exchange.menu
        if menu.hit("answer_lost", *subject):
            raise LineBroken(reset=False)
        if menu.hit("error_after", *subject):
            status, body = menu.pick("error_after", list(_LATE_ERRORS))
            return Reply(status=status, body=body, headers=reply.headers)
        if menu.hit("garbage_body", *subject):
            body = menu.pick("garbage_body", list(_GARBAGE))
            return Reply(body=body, headers=reply.headers)
        return reply

    def _carry_out_late(self, request: Request, route: Route, ms: int) -> None:
        """Carry a request out later, in the exchange's time; nobody hears of it."""

        async def later() -> None:
            await self.wait_ms(ms)
            self._late -= 1
            self.carry_out(request, route)

        if self._late < LATE_MAX:
            self._late += 1
            self._nursery.start_soon(later)

    async def wait_ms(self, ms: int) -> None:
        """Wait so long in the exchange's time, at whatever pace it goes."""
        clock = self.exchange.clock
        until_ms = clock.now_ms() + ms
        while clock.now_ms() < until_ms:
            left = clock.seconds(until_ms - clock.now_ms())
            await trio.sleep(max(0.001, min(left, 1.0)) if left else 0.005)

    def _asked(self, request: Request) -> Asked:
        return Asked(self, venue_of(request.path), request.fields, None)


def venue_of(path: str) -> Venue:
    """Say which venue a path belongs to."""
    return Venue.USDM if path.startswith(("/fapi/", "/dapi/", "/eapi/")) else Venue.SPOT
