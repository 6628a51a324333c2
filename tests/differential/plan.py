"""What is asked of an exchange: every method that it says it has, raw endpoints."""

import inspect
import json
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

from ccxt.base.types import Entry

from tests.differential.examples import all_examples, all_examples_of, examples
from tests.differential.frozen import NOW_MS
from tests.differential.loopback import Script

SPOT, SECOND, SWAP = "BTC/USDT", "ETH/USDT", "BTC/USDT:USDT"
KEY = "1f" * 32
CREDENTIALS = {
    "apiKey": "11111111-2222-4333-8444-555555555555",
    "secret": KEY,
    "password": "a passphrase",
    "uid": "12345",
    "login": "login",
    "accountId": "678",
    "twofa": "JBSWY3DPEHPK3PXP",
    "privateKey": "0x" + KEY,
    "walletAddress": "0x" + "ab" * 20,
    "token": "token",
}
ARGUMENTS: dict[str, Any] = {
    "symbol": SPOT,
    "symbols": [SPOT, SECOND],
    "outcome": SPOT,
    "outcomes": [SPOT, SECOND],
    "code": "USDT",
    "codes": ["USDT", "BTC"],
    "currency": "USDT",
    "id": "1234567890",
    "ids": ["1234567890", "1234567891"],
    "clientOrderId": "ours-1",
    "clientOrderIds": ["ours-1"],
    "type": "limit",
    "side": "buy",
    "amount": 1.25,
    "cost": 100,
    "price": 30000.5,
    "triggerPrice": 29000,
    "since": NOW_MS - 86_400_000,
    "limit": 5,
    "timeframe": "1h",
    "leverage": 5,
    "marginMode": "isolated",
    "hedged": True,
    "fromAccount": "spot",
    "toAccount": "swap",
    "fromCode": "USDT",
    "toCode": "BTC",
    "address": "0x" + "cd" * 20,
    "tag": None,
    "timeout": 60_000,
    "orders": [
        {"symbol": SPOT, "type": "limit", "side": "buy", "amount": 1, "price": 30000},
        {"symbol": SPOT, "type": "limit", "side": "sell", "amount": 2, "price": 40000},
    ],
    "reload": True,
    "paginate": False,
}
PREFIXES = (
    *("fetch_", "create_", "edit_", "cancel_", "set_", "transfer", "withdraw", "add_"),
    *("reduce_", "borrow_", "repay_", "close_position", "sign_in", "load_markets"),
    *("load_accounts", "load_time_difference", "is_"),
)
#: Not calls of an exchange, or endless by design.
LEFT_OUT = re.compile(
    r"_ws$|_helper$|_safe$|paginated|^set_sandbox|_cache$|^fetch_cache"
)
WORD = re.compile(r'"([A-Za-z]+[-_/:]?[A-Za-z]+(?:[-_/:][A-Za-z]+)?)"')
BRACES = re.compile(r"\{([\w-]+)\}")


class Call(NamedTuple):
    """One call, and what the exchange answers every request of it."""

    name: str  # as it is reported
    method: str
    arguments: tuple[Any, ...]
    script: Script


def make(exchange_class: Any) -> Any:
    """Make an exchange object with keys, markets and no limit of its rate."""
    exchange = exchange_class(
        {**CREDENTIALS, "enableRateLimit": False, "timeout": 30_000}
    )
    ids = market_ids(exchange_class)
    exchange.set_markets(
        [_market(exchange, symbol, market_id) for symbol, market_id in ids.items()]
    )
    return exchange


@cache
def market_ids(exchange_class: type) -> dict[str, str]:
    """Name the markets as the examples of the exchange do, so that they fit."""
    words = Counter(WORD.findall(json.dumps(all_examples(exchange_class, ("",)))))
    for ancestor in exchange_class.__mro__:
        if ancestor.__module__.startswith("ccxt.async_support."):
            payloads = json.dumps(all_examples_of(ancestor.__module__))
            words.update(WORD.findall(payloads))
    spot, swap = "BTCUSDT", "BTCUSDT_PERP"
    for word, _ in reversed(words.most_common()):
        bare = re.sub(r"[-_/:]", "", word).upper()
        if bare in {"BTCUSDT", "XBTUSDT", "TBTCUSD", "BTCUSD", "USDTBTC"}:
            spot = word
        elif bare in {
            "BTCUSDTSWAP",
            "BTCUSDTPERP",
            "XBTUSDTM",
            "BTCPERP",
            "PERPBTCUSDT",
        }:
            swap = word
    second = spot.replace("BTC", "ETH").replace("btc", "eth").replace("XBT", "ETH")
    return {SPOT: spot, SECOND: second, SWAP: swap}


def _market(exchange: Any, symbol: str, market_id: str) -> dict[str, Any]:
    pair, _, settle = symbol.partition(":")
    base, quote = pair.split("/")
    swap = bool(settle)
    return exchange.safe_market_structure(
        {
            "id": market_id,
            "lowercaseId": market_id.lower(),
            "uppercaseId": market_id,
            "symbol": symbol,
            "base": base,
            "quote": quote,
            "baseId": base,
            "quoteId": quote,
            **({"settle": settle, "settleId": settle} if swap else {}),
            "type": "swap" if swap else "spot",
            "spot": not swap,
            "swap": swap,
            "future": False,
            "option": False,
            "margin": not swap,
            "contract": swap,
            "active": True,
            **(
                {"linear": True, "inverse": False, "contractSize": 0.01} if swap else {}
            ),
            "taker": 0.001,
            "maker": 0.0005,
            "precision": {"amount": 0.0001, "price": 0.01, "base": 1e-8, "quote": 1e-8},
            "limits": {
                "amount": {"min": 0.0001, "max": 1000},
                "price": {"min": 0.01, "max": 1e6},
                "cost": {"min": 1, "max": None},
                "leverage": {"min": 1, "max": 100},
            },
            "info": {"symbol": market_id, "id": market_id, "type": "swap"},
        }
    )


def unified(exchange: Any) -> Iterator[Call]:
    """Ask every method that `has` names, with good answers and with bad ones."""
    cls = type(exchange)
    for method in sorted(name for name in dir(cls) if name.startswith(PREFIXES)):
        function = getattr(cls, method)
        camel = exchange.safe_string({}, "") or _camel(method)
        asked = exchange.has.get(camel) or method.startswith(("load_", "sign_in"))
        if not asked or LEFT_OUT.search(method):
            continue
        if not inspect.iscoroutinefunction(function):
            continue
        for arguments in _argument_sets(function):
            shown = ",".join(map(str, arguments[:1]))
            for label, script in _scripts(cls, method):
                yield Call(f"{method}({shown}) {label}", method, arguments, script)


def _camel(method: str) -> str:
    head, *rest = method.split("_")
    odd = {"ohlcv": "OHLCV", "adl": "ADL"}
    return head + "".join(odd.get(part, part.capitalize()) for part in rest)


def _argument_sets(function: Any) -> list[tuple[Any, ...]]:
    names = list(inspect.signature(function).parameters)[1:]
    names = [name for name in names if name != "params"]
    known = tuple(ARGUMENTS.get(name) for name in names)
    if "symbol" in names:
        place = names.index("symbol")
        return [known, (*known[:place], SWAP, *known[place + 1 :])]
    return [known]


def _scripts(cls: type, method: str) -> Iterator[tuple[str, Script]]:
    shown = examples(cls, method, 2)
    for number, payload in enumerate(shown):
        yield f"example {number}", Script(200, json.dumps(payload).encode())
    if not shown:
        yield "empty object", Script(200, b"{}")
        yield "empty list", Script(200, b"[]")
    refusals = examples(cls, "handle_errors", 1)
    refusal = refusals[0] if refusals else {"code": -1, "msg": "no", "error": "no"}
    yield "400", Script(400, json.dumps(refusal).encode())


def failures(exchange: Any) -> Iterator[Call]:
    """Ask one method under every fault of the way."""
    cls = type(exchange)
    arguments: tuple[Any, ...] = ({"x": "1"},)
    path = next((name for name in _endpoints(cls) if "get" in name.lower()), None)
    if path is None:
        return
    body = b'{"a": "' + b"x" * 50 + b'"}'
    faults = ("reset", "hang_up", "cut", "garbage", "redirect", "gzip")
    for fault in faults:
        yield Call(f"fault {fault}", path, arguments, Script(200, body, fault=fault))
    for status in (204, 401, 403, 404, 408, 418, 429, 500, 502, 503, 504, 520):
        script = Script(status, b"<html>no</html>", "text/html")
        yield Call(f"status {status}", path, arguments, script)
    odd = (b"", b"   ", b"{", b"[1", b"null", b'"text"', b"\xff\xfe", b'{"a":NaN}')
    for answer in odd:
        yield Call(f"body {answer!r}", path, arguments, Script(200, answer))
    latin = Script(200, "ü".encode("latin-1"), "text/plain; charset=latin-1")
    yield Call("latin-1", path, arguments, latin)
    yield Call("binary", path, arguments, Script(200, b"\0\1", "application/zip"))


def _endpoints(cls: type) -> list[str]:
    """Give one name of each: an endpoint has a twin in camel case."""
    names: dict[int, str] = {}
    for ancestor in cls.__mro__:
        for name, entry in vars(ancestor).items():
            if isinstance(entry, Entry):
                names.setdefault(id(entry), name)
    return sorted(names.values())


def endpoints(exchange: Any, most: int) -> Iterator[Call]:
    """Ask raw endpoints, evenly chosen: it is the bytes of the request that count."""
    cls = type(exchange)
    names = _endpoints(cls)
    step = max(1, -(-len(names) // most))
    for name in names[::step]:
        found = (vars(ancestor).get(name) for ancestor in cls.__mro__)
        entry = next(entry for entry in found if isinstance(entry, Entry))
        params = dict.fromkeys(BRACES.findall(str(entry.path)), "value")
        odd = {"symbol": "BTCUSDT", "note": "a+b,c:/%41[]'~", "n": 1.5, "list": ["1"]}
        yield Call(f"endpoint {name}", name, ({**params, **odd},), Script(200, b"{}"))
