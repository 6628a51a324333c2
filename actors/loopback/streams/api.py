"""The WebSocket API: requests over a line, and the spot account's user data stream."""

from typing import Any

import msgspec

from actors.loopback.accounts.refusals import Refused, missing
from actors.loopback.floor.pit import Venue
from actors.loopback.rest.counter import Counter
from actors.loopback.rest.request import Asked
from actors.loopback.rest.signing import check_signature, check_time, known_key
from actors.loopback.settings import Key
from actors.loopback.streams.line import Line
from actors.loopback.streams.users import Users

#: Methods that are endpoints by another name; {} is /api/v3 or /fapi/v1.
METHODS = {
    "ping": ("GET", "{}/ping"),
    "time": ("GET", "{}/time"),
    "exchangeInfo": ("GET", "{}/exchangeInfo"),
    "depth": ("GET", "{}/depth"),
    "klines": ("GET", "{}/klines"),
    "ticker.price": ("GET", "{}/ticker/price"),
    "ticker.book": ("GET", "{}/ticker/bookTicker"),
    "order.place": ("POST", "{}/order"),
    "order.status": ("GET", "{}/order"),
    "order.cancel": ("DELETE", "{}/order"),
    "openOrders.status": ("GET", "{}/openOrders"),
    "algoOrder.place": ("POST", "{}/algoOrder"),
    "algoOrder.cancel": ("DELETE", "{}/algoOrder"),
    "account.status": ("GET", "{}/account"),
    "myTrades": ("GET", "{}/myTrades"),
}


class Api:
    """Answers the requests of one line."""

    def __init__(self, counter: Counter, users: Users, line: Line) -> None:
        self._counter, self._users, self._line = counter, users, line
        self._root = "/api/v3" if line.venue is Venue.SPOT else "/fapi/v1"

    def answer(self, message: dict[str, Any]) -> bytes:
        """Answer one message."""
        told: dict[str, Any] = {"id": message.get("id")}
        params = message.get("params") or {}
        try:
            if not isinstance(params, dict):
                raise missing(name="params")
            fields = {k: _text(v) for k, v in params.items() if v is not None}
            told |= {"status": 200}
            told["result"] = self._act(str(message.get("method")), fields)
        except Refused as refused:
            told["status"] = refused.status
            told["error"] = {"code": refused.code, "msg": refused.text}
        return msgspec.json.encode(told | {"rateLimits": []})

    def _act(self, method: str, fields: dict[str, str]) -> Any:
        if method == "userDataStream.subscribe.signature":
            self._signed(fields)
            self._users.listen(self._line.venue, self._line, "")
            return {"subscriptionId": 0}
        if method == "userDataStream.unsubscribe":
            self._users.forget(self._line)
            return {}
        if method not in METHODS:
            raise Refused(-1020, f"This operation is not supported: {method}")
        verb, path = METHODS[method]
        route = self._counter.routes[verb, path.format(self._root)]
        key = self._signed(fields) if route.signed else None
        if route.trades and key is not None and not key.trade:
            told = "Invalid API-key, IP, or permissions for action."
            raise Refused(-2015, told, 401)
        asked = Asked(self._counter, self._line.venue, fields, key)
        return route.act(asked)

    def _signed(self, fields: dict[str, str]) -> Key:
        """Judge a signature over the sorted parameters. Raises Refused."""
        key = known_key(self._counter.exchange, fields.get("apiKey", ""))
        pairs = sorted((k, v) for k, v in fields.items() if k != "signature")
        signed = "&".join(f"{name}={value}" for name, value in pairs)
        check_signature(key, signed, fields.get("signature", ""))
        check_time(self._counter.exchange, fields)
        return key


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)
