"""The way to an exchange and back: one ccxt object, asked in lanes, heard exactly."""

import re
from collections.abc import Awaitable, Callable, Mapping
from random import Random
from typing import Any

from ccxt.base.errors import OrderNotFound

from actors.domain.errors import ExchangeError, Unsent
from actors.domain.orders import Outcome, Refused, Unknown
from actors.exchange.ccxtrio import Lane, Limiter, exchange_class, in_lane
from actors.exchange.gate import Fault, fault_of, retried
from actors.exchange.gate.faults import fault_of_status
from actors.exchange.live.answers import (
    READERS,
    TEXT_MAX,
    Heard,
    Hearing,
    decoded,
    hearing,
    read_answer,
)
from actors.exchange.live.capabilities import Row
from actors.exchange.live.plan import LivePlan
from actors.exchange.outcome import Act, Answer, classify

#: Below the dispatcher's patience, so that it is the answer's own name that is told.
TIMEOUT_MS = 8_000
#: ccxt's own is a bucket: one list of open orders empties it, and a protective stop
#: would wait two seconds for the next drop. Its costs are a minute's: 1,200 is all that
#: spot gives, and half of what USD-M does.
LIMIT = {"algorithm": "rollingWindow", "windowSize": 60_000, "rateLimit": 50}
#: What an address carries behind "?": signatures belong into no log.
_QUERY = re.compile(r"\?\S+")


class NoAnswer(ExchangeError):
    """A question was not answered; `fault` says what that tells of the exchange."""

    def __init__(self, text: str, fault: Fault | None) -> None:
        super().__init__(text)
        self.fault = fault


class NoSuchOrder(NoAnswer):
    """The exchange says that it knows no such order."""


class CodeError(NoAnswer):
    """The exchange refused a question, with a code of its own."""

    def __init__(self, text: str, fault: Fault, code: str) -> None:
        super().__init__(text, fault)
        self.code = code


class Call:
    """One request: ccxt's method, what it takes by place, and its parameters."""

    __slots__ = ("args", "method", "params")

    def __init__(self, method: str, *args: Any, **params: Any) -> None:
        self.method, self.args, self.params = method, args, params

    async def made(self, exchange: Any) -> Any:
        """Have it made."""
        return await getattr(exchange, self.method)(*self.args, self.params)


class Wire:
    """An exchange object that signs with the exchange's time and retries nothing."""

    def __init__(self, plan: LivePlan, row: Row, *mixins: type, **options: Any) -> None:
        self._name, self._row = row.port.name, row
        self._ask_seconds = plan.ask_seconds
        self._random = Random(plan.seed)  # noqa: S311 - pauses, no secret
        made = type(
            f"{row.ccxt_id}_live",
            (*mixins, Hearing, exchange_class(row.ccxt_id)),
            # ccxt's own clock is not looked at: the exchange's may go at another speed.
            {"milliseconds": lambda _self: plan.now_ms()},
        )
        self.exchange: Any = made(
            {
                "apiKey": plan.key.reveal(),
                "secret": plan.secret.reveal(),
                "password": plan.password.reveal() if plan.password else "",
                "enableRateLimit": True,
                "timeout": TIMEOUT_MS,
                "options": {
                    "maxRetriesOnFailure": 0,
                    "recvWindow": row.port.deadline_ms,
                    "adjustForTimeDifference": False,
                    "timeDifference": 0,
                    **options,
                },
                "gate": plan.gate,
                "limiter": Limiter(LIMIT),
            }
        )
        api = self.exchange.urls["api"]
        if plan.rest_url:
            _move(api, plan.rest_url, "http")
        if plan.stream_url:
            _move(api, plan.stream_url, "ws")

    async def send(self, act: Act, client_id: str, lane: Lane, call: Call) -> Outcome:
        """Send an order or a cancel, once, and say what the answer proves."""
        heard, failed = Heard(once=True), None
        with in_lane(lane), hearing(heard):
            try:
                await call.made(self.exchange)
            except Exception as error:  # noqa: BLE001 - the answer says what it was, not ccxt's class
                failed = error
        if not heard.sent or isinstance(failed, Unsent):  # the gate closed at last
            # Of a cancel "refused" would say that there is no such order.
            said = f"not sent: {told(failed)}"
            return Refused(said) if act is Act.PLACE else Unknown(said)
        if heard.status is None:
            kind = type(failed).__name__
            return classify(self._name, act, Answer(error=kind, text=told(failed)))
        written = self._row.written(client_id)
        answer = read_answer(self._name, heard.status, heard.text, written)
        return classify(self._name, act, answer)

    async def ask(self, call: Call) -> Any:
        """Ask in the caller's lane, again where the table of faults says that it helps.

        Raises NoSuchOrder, CodeError, ExchangeError.
        """
        return await self._again(lambda: self._ask_once(call))

    async def ask_unified(self, call: Call, whole: Callable[[Any], bool]) -> Any:
        """Ask likewise; give what ccxt has made of the answer, and the answer.

        ccxt makes an empty list of much that is none: `whole` judges the answer itself.
        """
        return await self._again(lambda: self._ask_unified_once(call, whole))

    async def _again(self, asked: Callable[[], Awaitable[Any]]) -> Any:
        seconds, random = self._ask_seconds, self._random
        return await retried(asked, within_seconds=seconds, random=random)

    async def _asked(self, call: Call) -> tuple[Heard, Any, Exception | None]:
        """Ask once. Raises Unsent, NoAnswer when nothing came back."""
        heard, found, failed = Heard(), None, None
        with hearing(heard):
            try:
                found = await call.made(self.exchange)
            except Exception as error:  # noqa: BLE001 - whatever it is, there is no answer
                failed = error
        if heard.status is None:
            if isinstance(failed, Unsent):
                raise failed
            fault = None if failed is None else fault_of(failed)
            msg = f"{call.method}: {told(failed)}"
            raise NoAnswer(msg, fault) from None  # its chain shows signed addresses
        return heard, found, failed

    async def _ask_unified_once(
        self, call: Call, whole: Callable[[Any], bool]
    ) -> tuple[Any, Any]:
        heard, found, failed = await self._asked(call)
        status, body = heard.status or 0, decoded(heard.text)
        if failed is None and 200 <= status < 300 and whole(body):
            return found, body
        said = READERS[self._name](body, "") if isinstance(body, dict) else None
        code = said.code if said is not None else ""
        text = f"{call.method}: HTTP {status} {heard.text[:TEXT_MAX]}"
        fault = fault_of_status(status) or (fault_of(failed) if failed else None)
        fault = fault or Fault.PARSE
        if isinstance(failed, OrderNotFound) and code and status < 500:
            raise NoSuchOrder(text, fault)
        raise CodeError(text, fault, code)

    async def _ask_once(self, call: Call) -> Any:
        heard, _found, _failed = await self._asked(call)
        assert heard.status is not None
        body = decoded(heard.text)
        code = str(body.get("code", "")) if isinstance(body, Mapping) else ""
        fine = 200 <= heard.status < 300 and not code.startswith("-")
        if fine and isinstance(body, (dict, list)):
            return body
        text = f"{call.method}: HTTP {heard.status} {heard.text[:TEXT_MAX]}"
        fault = fault_of_status(heard.status) or Fault.PARSE
        if code == "-2013" and 400 <= heard.status < 500:
            raise NoSuchOrder(text, fault)
        raise CodeError(text, fault, code)


def told(error: Exception | None) -> str:
    """Give an error's words without the signed part of an address."""
    return _QUERY.sub("", f"{type(error).__name__} {error}")[:TEXT_MAX]


def _move(urls: dict[str, Any], host: str, scheme: str) -> None:
    """Point every address of a scheme at another host; its path stays."""
    for name, url in urls.items():
        if isinstance(url, dict):
            _move(url, host, scheme)
        elif isinstance(url, str) and url.startswith(scheme):
            urls[name] = f"{host.rstrip('/')}/{url.split('/', 3)[3]}"
