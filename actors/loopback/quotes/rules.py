"""The rules of both venues' symbols, as exchangeInfo lists them."""

from typing import Any

from actors.loopback.accounts.filters import listed
from actors.loopback.floor.pit import Pit, Venue
from actors.loopback.rest.request import Asked
from actors.loopback.rest.signing import told_ms

SPOT_TYPES = [
    *("LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS", "STOP_LOSS_LIMIT"),
    *("TAKE_PROFIT", "TAKE_PROFIT_LIMIT"),
]
FUTURES_TYPES = [
    *("LIMIT", "MARKET", "STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET"),
]
PERPETUAL_MS = 4_133_404_800_000  # the delivery date of what is never delivered


def rules(asked: Asked) -> Any:
    """List the symbols and their rules."""
    row = _spot_row if asked.venue is Venue.SPOT else _futures_row
    limiter = asked.exchange.limiters[asked.venue]
    pits = asked.pits()
    told: dict[str, Any] = {
        "timezone": "UTC",
        "serverTime": told_ms(asked.exchange),
        "rateLimits": limiter.listed(),
        "exchangeFilters": [],
        "symbols": [row(pit) for pit in pits],
    }
    if asked.venue is Venue.USDM:
        quotes = sorted({pit.instrument.quote for pit in pits})
        told["assets"] = [
            {"asset": one, "marginAvailable": True, "autoAssetExchange": "0"}
            for one in quotes
        ]
    return told


def _common(pit: Pit) -> dict[str, Any]:
    return {
        "symbol": pit.id,
        "status": pit.status,
        "baseAsset": pit.instrument.base,
        "quoteAsset": pit.instrument.quote,
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "filters": listed(pit),
    }


def _spot_row(pit: Pit) -> dict[str, Any]:
    return _common(pit) | {
        "quoteAssetPrecision": 8,
        "baseCommissionPrecision": 8,
        "quoteCommissionPrecision": 8,
        "orderTypes": SPOT_TYPES,
        "icebergAllowed": False,
        "ocoAllowed": False,
        "quoteOrderQtyMarketAllowed": True,
        "allowTrailingStop": False,
        "cancelReplaceAllowed": False,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "permissions": ["SPOT"],
        "permissionSets": [["SPOT"]],
        "defaultSelfTradePreventionMode": "NONE",
        "allowedSelfTradePreventionModes": ["NONE"],
    }


def _futures_row(pit: Pit) -> dict[str, Any]:
    grid = pit.grid
    return _common(pit) | {
        "pair": pit.id,
        "contractType": "PERPETUAL",
        "deliveryDate": PERPETUAL_MS,
        "onboardDate": 1_569_398_400_000,
        "maintMarginPercent": "0.5000",
        "requiredMarginPercent": "5.0000",
        "marginAsset": pit.instrument.quote,
        "pricePrecision": len(grid.price_text(1).partition(".")[2]),
        "quantityPrecision": len(grid.size_text(1).partition(".")[2]),
        "underlyingType": "COIN",
        "underlyingSubType": [],
        "triggerProtect": "0.0500",
        "liquidationFee": "0.012500",
        "marketTakeBound": "0.05",
        "maxMoveOrderLimit": 10_000,
        "orderTypes": FUTURES_TYPES,
        "timeInForce": ["GTC", "IOC", "FOK", "GTX", "GTD"],
    }
