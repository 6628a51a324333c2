"""Reads what an exchange itself said to an order: its code, its words, its id.

ccxt makes exceptions of answers, and their classes prove nothing (see `outcome`). So
the answer is kept as it came: whoever asks puts a `Heard` into its own context, and the
exchange object, which runs in the caller's task, writes into it. `last_http_response`
of ccxt would be another task's as soon as two ask at once.

A reader gives no code when an answer has several, and an error when the answer is of
another order than the one that was sent.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from decimal import Decimal
from typing import Any

import msgspec

from actors.domain.errors import ExchangeError
from actors.exchange.outcome import Answer

TEXT_MAX = 300
_JSON = msgspec.json.Decoder(float_hook=Decimal)


class Heard:
    """What went out and came back in one task; `once`: only one request may go out."""

    def __init__(self, *, once: bool = False) -> None:
        self._once = once
        self.sent = 0
        self.status: int | None = None
        self.text = ""

    def send(self) -> None:
        """Count a request. Raises ExchangeError before a second one."""
        if self._once and self.sent:
            msg = "a second request for one order was stopped"
            raise ExchangeError(msg)
        self.sent += 1


_heard: ContextVar[Heard | None] = ContextVar("heard", default=None)


@contextmanager
def hearing(heard: Heard) -> Iterator[None]:
    """Let every request of this block be written into `heard`."""
    token = _heard.set(heard)
    try:
        yield
    finally:
        _heard.reset(token)


class Hearing:
    """Stands before an exchange class on trio and writes its answers down."""

    def __init__(self: Any, config: Mapping[str, Any]) -> None:
        super().__init__(config)  # type: ignore[call-arg]
        # A redirected order would go out twice.
        self._carrier.hops_max = 1

    async def fetch(
        self,
        url: str,
        method: str = "GET",
        headers: dict[str, str] | None = None,
        body: Any = None,
    ) -> Any:
        """Send one signed request."""
        heard = _heard.get()
        if heard is not None:
            heard.send()
        return await super().fetch(url, method, headers, body)  # type: ignore[misc]

    def _read(self, answer: Any, *asked: Any) -> Any:
        heard = _heard.get()
        if heard is not None:
            heard.status, heard.text = answer.status, answer.text
        return super()._read(answer, *asked)  # type: ignore[misc]


class Said(msgspec.Struct, frozen=True):
    """What a body says; `of` is the client id that it names, "" if none."""

    code: str = ""
    text: str = ""
    exchange_id: str = ""
    of: str = ""
    error: str = ""


def decoded(text: str) -> Any:
    """Decode a body, its fractions as Decimal; None: it is no JSON."""
    try:
        return _JSON.decode(text.encode())
    except (msgspec.MsgspecError, ArithmeticError):
        return None


def read_answer(exchange: str, status: int, text: str, client_id: str) -> Answer:
    """Read the answer to an order or a cancel of `client_id`."""
    body = decoded(text)
    if not isinstance(body, dict):
        return Answer(status=status, text=text[:TEXT_MAX], error="unreadable answer")
    said = READERS[exchange](body, client_id)
    error = said.error
    if said.of and said.of != client_id:
        error = f"answer of another order, {said.of}"
    return Answer(
        status=status,
        code=said.code,
        text=said.text[:TEXT_MAX],
        error=error,
        exchange_id="" if error else said.exchange_id,
    )


def binance(body: dict[str, Any], _client_id: str) -> Said:
    """{"code": -2010, "msg": ...} or the order itself; 200 ends a conditional one."""
    code = str(body.get("code", ""))
    if code and code != "200":
        return Said(code, str(body.get("msg", "")))
    names = ("origClientOrderId", "clientOrderId", "clientAlgoId")
    of = next((str(body[name]) for name in names if body.get(name)), "")
    return Said("", "", _id(body, "orderId", "algoId"), of)


def bybit(body: dict[str, Any], _client_id: str) -> Said:
    """{"retCode": 0, "retMsg": "OK", "result": {"orderId", "orderLinkId"}}."""
    code, told = str(body.get("retCode", "")), _dict(body.get("result"))
    exchange_id = _id(told, "orderId") if code == "0" else ""
    of = str(told.get("orderLinkId") or "")
    return Said(code, str(body.get("retMsg", "")), exchange_id, of)


def okx(body: dict[str, Any], _client_id: str) -> Said:
    """{"code": "1", "data": [{"sCode": "51008", "sMsg", "ordId", "clOrdId"}]}."""
    rows = [row for row in body.get("data") or () if isinstance(row, dict)]
    if not rows:
        return Said(str(body.get("code", "")), str(body.get("msg", "")))
    if len(rows) > 1:
        return Said(error=f"{len(rows)} codes for one order")
    row = rows[0]
    code = str(row.get("sCode", ""))
    exchange_id = _id(row, "ordId", "algoId") if code == "0" else ""
    of = str(row.get("clOrdId") or row.get("algoClOrdId") or "")
    return Said(code, str(row.get("sMsg", "")), exchange_id, of)


def kraken(body: dict[str, Any], client_id: str) -> Said:
    """{"error": ["EOrder:..."], "result": {"txid": [...]} or {"count": 1}}."""
    errors = [str(one) for one in body.get("error") or ()]
    if len(errors) > 1:
        return Said(error=f"{len(errors)} codes for one order: {', '.join(errors)}")
    if errors:
        return Said(errors[0])
    told = _dict(body.get("result"))
    made = [str(one) for one in told.get("txid") or ()]
    ended = client_id if told.get("count") == 1 else ""
    return Said("", "", made[0] if len(made) == 1 else ended)


READERS: dict[str, Callable[[dict[str, Any], str], Said]] = {
    "binance": binance,
    "binanceusdm": binance,
    "bybit": bybit,
    "okx": okx,
    "kraken": kraken,
}


def _id(row: dict[str, Any], *names: str) -> str:
    return next((str(row[name]) for name in names if row.get(name)), "")


def _dict(found: Any) -> dict[str, Any]:
    return found if isinstance(found, dict) else {}
