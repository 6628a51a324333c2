"""The futures account's settings: leverage, margin type, modes, fees."""

from typing import Any

from actors.domain.money import BPS
from actors.loopback.accounts.futures import LEVERAGE_MAX, NOTIONAL_MAX
from actors.loopback.accounts.refusals import Refused, illegal, missing
from actors.loopback.floor.pit import Pit, Venue
from actors.loopback.quotes.market import brackets
from actors.loopback.rest.request import Asked, Table, private, trading

MARGINS = {"ISOLATED", "CROSSED"}


def set_leverage(asked: Asked) -> Any:
    """Set a symbol's leverage; a fault answers and sets nothing."""
    pit, leverage = asked.pit(), asked.number("leverage")
    if not 1 <= leverage <= LEVERAGE_MAX:
        raise Refused(-4028, f"Leverage {leverage} is not valid")
    if not asked.exchange.menu.hit("leverage_ignored", pit.id):
        asked.exchange.futures.leverage[pit.id] = leverage
    return {
        "leverage": leverage,
        "maxNotionalValue": str(NOTIONAL_MAX),
        "symbol": pit.id,
    }


def set_margin(asked: Asked) -> Any:
    """Set a symbol's margin type."""
    pit, wanted = asked.pit(), asked.text("marginType")
    if wanted not in MARGINS:
        raise illegal(name="marginType")
    ledger = asked.exchange.futures
    if (pit.id in ledger.isolated) is (wanted == "ISOLATED"):
        raise Refused(-4046, "No need to change margin type.")
    if any(one.pit is pit for one in ledger.held()):
        told = "Margin type cannot be changed if there exists position."
        raise Refused(-4048, told)
    if asked.exchange.desks[Venue.USDM].live(pit):
        told = "Margin type cannot be changed if there exists open orders."
        raise Refused(-4047, told)
    (ledger.isolated.add if wanted == "ISOLATED" else ledger.isolated.discard)(pit.id)
    return {"code": 200, "msg": "success"}


def mode(asked: Asked) -> Any:
    """Tell whether the account is hedged."""
    return {"dualSidePosition": asked.exchange.futures.hedged}


def set_mode(asked: Asked) -> Any:
    """Change between one-way and hedge mode."""
    if asked.maybe("dualSidePosition").lower() not in {"true", "false"}:
        raise missing(name="dualSidePosition")
    wanted, ledger = asked.flag("dualSidePosition"), asked.exchange.futures
    if wanted is ledger.hedged:
        raise Refused(-4059, "No need to change position side.")
    if ledger.held():
        told = "Position side cannot be changed if there exists position."
        raise Refused(-4068, told)
    if asked.exchange.desks[Venue.USDM].open or asked.exchange.stops.live():
        told = "Position side cannot be changed if there exists open orders."
        raise Refused(-4067, told)
    ledger.hedged = wanted
    return {"code": 200, "msg": "success"}


def symbol_config(asked: Asked) -> Any:
    """List leverage and margin type of symbols."""
    ledger = asked.exchange.futures

    def row(pit: Pit) -> dict[str, Any]:
        isolated = pit.id in ledger.isolated
        return {
            "symbol": pit.id,
            "marginType": "ISOLATED" if isolated else "CROSSED",
            "isAutoAddMargin": False,
            "leverage": ledger.leverage_of(pit.id),
            "maxNotionalValue": str(NOTIONAL_MAX),
        }

    return [row(pit) for pit in asked.pits()]


def account_config(asked: Asked) -> Any:
    """Tell the account's settings."""
    assert asked.key is not None
    return {
        "feeTier": 0,
        "canTrade": asked.key.trade,
        "canDeposit": True,
        "canWithdraw": asked.key.withdraw,
        "dualSidePosition": asked.exchange.futures.hedged,
        "updateTime": 0,
        "multiAssetsMargin": False,
        "tradeGroupId": -1,
    }


def commission(asked: Asked) -> Any:
    """Tell the fee rates of a symbol."""
    pit = asked.pit()
    return {
        "symbol": pit.id,
        "makerCommissionRate": f"{pit.instrument.maker_fee_bps * BPS:.6f}",
        "takerCommissionRate": f"{pit.instrument.taker_fee_bps * BPS:.6f}",
    }


ROUTES: Table = {
    ("POST", "/fapi/v1/leverage"): trading(set_leverage, "account"),
    ("POST", "/fapi/v1/marginType"): trading(set_margin, "account"),
    ("GET", "/fapi/v1/positionSide/dual"): private(mode, 30),
    ("POST", "/fapi/v1/positionSide/dual"): trading(set_mode, "account"),
    ("GET", "/fapi/v1/symbolConfig"): private(symbol_config),
    ("GET", "/fapi/v1/accountConfig"): private(account_config),
    ("GET", "/fapi/v1/commissionRate"): private(commission, 20),
    ("GET", "/fapi/v1/leverageBracket"): private(brackets, 1),
}
