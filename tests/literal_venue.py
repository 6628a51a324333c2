"""An exchange that is not there: requests are held, and given literal answers."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

import httpx

from actors.domain.bars import Instrument
from actors.domain.orders import OrderKind, OrderRequest, Side
from actors.exchange.ccxtrio.carrier import Answer
from actors.exchange.live import Accept, LiveAccount, LivePlan, open_live_account
from config.secrets import Secret

D = Decimal
SYMBOL = "BTC/USDT:USDT"
NOW_MS = 1_764_295_200_000
BTC = Instrument(
    symbol=SYMBOL,
    base="BTC",
    quote="USDT",
    tick_size=D("0.1"),
    lot_size=D("0.001"),
    quantity_min=D("0.001"),
    notional_min=D(5),
    shortable=True,
    maker_fee_bps=D(2),
    taker_fee_bps=D(5),
)

BYBIT: dict[str, Any] = {
    "GET /v5/market/instruments-info": {
        "category": "linear",
        "list": [
            {
                "symbol": "BTCUSDT",
                "contractType": "LinearPerpetual",
                "status": "Trading",
                "baseCoin": "BTC",
                "quoteCoin": "USDT",
                "settleCoin": "USDT",
                "launchTime": "1585526400000",
                "deliveryTime": "0",
                "leverageFilter": {"minLeverage": "1", "maxLeverage": "100.00"},
                "priceFilter": {
                    "minPrice": "0.10",
                    "maxPrice": "1999999.80",
                    "tickSize": "0.10",
                },
                "lotSizeFilter": {
                    "maxOrderQty": "1190.000",
                    "minOrderQty": "0.001",
                    "qtyStep": "0.001",
                    "minNotionalValue": "5",
                },
            }
        ],
    },
    "GET /v5/user/query-api": {
        "readOnly": 0,
        "permissions": {
            "ContractTrade": ["Order", "Position"],
            "Wallet": ["AccountTransfer"],
        },
        "ips": ["10.0.0.1"],
        "unified": 0,
        "uta": 1,
    },
    "GET /v5/account/info": {"unifiedMarginStatus": 5, "marginMode": "ISOLATED_MARGIN"},
    "POST /v5/position/set-leverage": {},
    "GET /v5/position/list": {
        "nextPageCursor": "",
        "category": "linear",
        "list": [
            {
                "positionIdx": 0,
                "symbol": "BTCUSDT",
                "side": "",
                "size": "0",
                "avgPrice": "0",
                "leverage": "3",
                "tradeMode": 0,
            }
        ],
    },
    "GET /v5/order/realtime": {
        "category": "linear",
        "nextPageCursor": "",
        "list": [],
    },
    "GET /v5/order/history": {"category": "linear", "nextPageCursor": "", "list": []},
    "GET /v5/execution/list": {"category": "linear", "nextPageCursor": "", "list": []},
}
OKX: dict[str, Any] = {
    "GET /api/v5/public/instruments": [
        {
            "instType": "SWAP",
            "instId": "BTC-USDT-SWAP",
            "instFamily": "BTC-USDT",
            "uly": "BTC-USDT",
            "settleCcy": "USDT",
            "ctVal": "0.01",
            "ctMult": "1",
            "ctValCcy": "BTC",
            "ctType": "linear",
            "lever": "100",
            "tickSz": "0.1",
            "lotSz": "0.1",
            "minSz": "0.1",
            "state": "live",
        }
    ],
    "GET /api/v5/account/config": [
        {
            "uid": "1",
            "acctLv": "2",
            "posMode": "net_mode",
            "perm": "read_only,trade",
            "ip": "10.0.0.1",
        }
    ],
    "POST /api/v5/account/set-leverage": [
        {
            "lever": "3",
            "mgnMode": "isolated",
            "instId": "BTC-USDT-SWAP",
            "posSide": "net",
        }
    ],
    "GET /api/v5/account/leverage-info": [
        {
            "instId": "BTC-USDT-SWAP",
            "mgnMode": "isolated",
            "posSide": "net",
            "lever": "3",
        }
    ],
    "GET /api/v5/trade/orders-pending": [],
    "GET /api/v5/trade/orders-algo-pending": [],
    "GET /api/v5/account/positions": [],
    "GET /api/v5/trade/fills-history": [],
}
ANSWERS = {"bybit": BYBIT, "okx": OKX}


class Asked:
    """One request as it went out."""

    def __init__(self, request: httpx.Request) -> None:
        path, _, query = request.extensions["target"].decode().partition("?")
        self.name = f"{request.method} {path}"
        self.query = dict(parse_qsl(query))
        self.headers = dict(request.headers)
        self.body = json.loads(request.content) if request.content else None


class Literal:
    """The answers, by method and path; `say` changes one, `asked` are the requests."""

    def __init__(self, name: str) -> None:
        self._name, self._answers = name, dict(ANSWERS[name])
        self.asked: list[Asked] = []
        self.account: LiveAccount

    def say(self, name: str, *told: Any) -> None:
        """Answer so from now on; of several one after another, the last for ever."""
        self._answers[name] = list(told)

    def since(self) -> list[Asked]:
        """Give the requests since this was called last."""
        asked, self.asked = self.asked, []
        return asked

    async def carry(self, request: httpx.Request, *_how: Any) -> Answer:
        asked = Asked(request)
        self.asked.append(asked)
        told = self._answers[asked.name]
        if (
            asked.name not in ANSWERS[self._name]
            or told is not (ANSWERS[self._name][asked.name])
        ):
            told = told.pop(0) if len(told) > 1 else told[0]
        if isinstance(told, str):
            body = told
        elif self._name == "okx":
            whole = {"code": "0", "msg": "", "data": told}
            body = json.dumps(told if isinstance(told, dict) else whole)
        else:
            whole = {"retCode": 0, "retMsg": "OK", "result": told}
            body = json.dumps(told if "retCode" in told else whole)
        return Answer(200, "OK", {}, body.encode(), body)


def plan_for(name: str, **chosen: Any) -> LivePlan:
    given: dict[str, Any] = {
        "exchange": name,
        "key": Secret("the key"),
        "secret": Secret("the word"),
        "password": Secret("the pass"),
        "instruments": (BTC,),
        "now_ms": lambda: NOW_MS,
        "leverage": 3,
        "accept": frozenset({Accept.UNVERIFIED}),
    }
    return LivePlan(**({"ask_seconds": 0.0} | given | chosen))


@asynccontextmanager
async def literal(
    name: str, *, prepared: bool = True, **chosen: Any
) -> AsyncIterator[Literal]:
    """Open an account at an exchange that is not there."""
    answers = Literal(name)
    async with open_live_account(plan_for(name, **chosen)) as account:
        account._venue.wire.exchange._carrier.carry = answers.carry
        answers.account = account
        if prepared:
            await account.prepare()
            answers.since()
        yield answers


def order(
    client_id: str,
    side: Side = Side.LONG,
    kind: OrderKind = OrderKind.MARKET,
    **more: Any,
) -> OrderRequest:
    given = {"symbol": SYMBOL, "quantity": D("0.02")} | more
    return OrderRequest(client_id=client_id, side=side, kind=kind, **given)


def stop(client_id: str) -> OrderRequest:
    more = {"stop_price": D("90000.1"), "reduce_only": True}
    return order(client_id, Side.SHORT, OrderKind.STOP_MARKET, **more)
