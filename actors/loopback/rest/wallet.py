"""The wallet endpoints that libraries call beside trading, and empty other venues."""

from typing import Any

from actors.domain.money import BPS, ZERO
from actors.loopback.quotes.market import time
from actors.loopback.rest.request import Asked, Route, Table, private
from actors.loopback.rest.signing import told_ms


def restrictions(asked: Asked) -> Any:
    """Tell what the key may do."""
    assert asked.key is not None
    return {
        "ipRestrict": True,
        "createTime": asked.exchange.begun_ms,
        "enableReading": True,
        "enableWithdrawals": asked.key.withdraw,
        "enableInternalTransfer": False,
        "enableMargin": False,
        "enableFutures": asked.key.trade,
        "permitsUniversalTransfer": asked.key.withdraw,
        "enableVanillaOptions": False,
        "enableFixApiTrade": False,
        "enableFixReadOnly": True,
        "enableSpotAndMarginTrading": asked.key.trade,
        "enablePortfolioMarginTrading": False,
    }


def system_status(asked: Asked) -> Any:
    """Tell whether there is maintenance."""
    down = asked.exchange.menu.active("maintenance") is not None
    return {"status": int(down), "msg": "system_maintenance" if down else "normal"}


def coins(asked: Asked) -> Any:
    """List the coins; nothing can be sent anywhere."""
    spot = asked.exchange.spot
    names = {pit.instrument.base for pit in asked.exchange.pits.values()}
    names |= {pit.instrument.quote for pit in asked.exchange.pits.values()}
    return [
        {
            "coin": name,
            "name": name,
            "depositAllEnable": False,
            "withdrawAllEnable": False,
            "free": f"{spot.free.get(name, ZERO):.8f}",
            "locked": f"{spot.locked.get(name, ZERO):.8f}",
            "freeze": "0",
            "ipoable": "0",
            "ipoing": "0",
            "isLegalMoney": False,
            "storage": "0",
            "withdrawing": "0",
            "trading": True,
            "networkList": [],
        }
        for name in sorted(names)
    ]


def trade_fee(asked: Asked) -> Any:
    """Tell the spot fee rates."""
    return [
        {
            "symbol": pit.id,
            "makerCommission": f"{pit.instrument.maker_fee_bps * BPS:.6f}",
            "takerCommission": f"{pit.instrument.taker_fee_bps * BPS:.6f}",
        }
        for pit in asked.pits()
    ]


def nothing(_asked: Asked) -> Any:
    """List nothing: what is asked for is not traded here."""
    return []


def no_contracts(asked: Asked) -> Any:
    """Tell the rules of a venue that lists nothing."""
    return {
        "timezone": "UTC",
        "serverTime": told_ms(asked.exchange),
        "rateLimits": [],
        "exchangeFilters": [],
        "symbols": [],
        "optionSymbols": [],
        "optionContracts": [],
        "optionAssets": [],
    }


ROUTES: Table = {
    ("GET", "/sapi/v1/system/status"): Route(act=system_status),
    ("GET", "/sapi/v1/account/apiRestrictions"): private(restrictions, 1),
    ("GET", "/sapi/v1/capital/config/getall"): private(coins, 10),
    ("GET", "/sapi/v1/asset/tradeFee"): private(trade_fee, 1),
    ("GET", "/sapi/v1/margin/allPairs"): Route(act=nothing),
    ("GET", "/sapi/v1/margin/isolated/allPairs"): private(nothing, 10),
    ("GET", "/dapi/v1/exchangeInfo"): Route(act=no_contracts),
    ("GET", "/dapi/v1/time"): Route(act=time),
    ("GET", "/eapi/v1/exchangeInfo"): Route(act=no_contracts),
    **{
        ("GET", f"/dapi/v1/{name}"): private(nothing, 1, "query")
        for name in ("openOrders", "positionRisk", "balance", "userTrades")
    },
}
