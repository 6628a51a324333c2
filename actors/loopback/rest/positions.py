"""The futures account's endpoints: balances, positions, leverage, modes, income."""

from decimal import Decimal
from typing import Any

from actors.domain.money import BPS, ZERO
from actors.loopback.accounts.futures import (
    BOTH,
    LEVERAGE_MAX,
    FuturesLedger,
    Position,
)
from actors.loopback.accounts.refusals import Refused, illegal, missing
from actors.loopback.floor.pit import Pit, Venue
from actors.loopback.rest.market import brackets
from actors.loopback.rest.request import Asked, Table, private, trading
from actors.loopback.rest.signing import told_ms

MARGINS = {"ISOLATED", "CROSSED"}
NOTIONAL_MAX = 1_000_000_000


def _n(value: Decimal) -> str:
    return f"{value:.8f}"


def balance(asked: Asked) -> Any:
    """Tell the wallet."""
    return [_asset(asked) | {"accountAlias": "loopback"}]


def _asset(asked: Asked) -> dict[str, Any]:
    ledger = asked.exchange.futures
    unrealised, used = ledger.unrealised(), ledger.position_margin()
    orders, available = ledger.order_margin(), ledger.available()
    held = sum((one.maintenance for one in ledger.held()), ZERO)
    return {
        "asset": "USDT",
        "balance": _n(ledger.wallet),
        "walletBalance": _n(ledger.wallet),
        "unrealizedProfit": _n(unrealised),
        "marginBalance": _n(ledger.wallet + unrealised),
        "maintMargin": _n(held),
        "initialMargin": _n(used + orders),
        "positionInitialMargin": _n(used),
        "openOrderInitialMargin": _n(orders),
        "crossWalletBalance": _n(ledger.wallet),
        "crossUnPnl": _n(unrealised),
        "availableBalance": _n(available),
        "maxWithdrawAmount": _n(available),
        "marginAvailable": True,
        "updateTime": told_ms(asked.exchange),
    }


def account(asked: Asked) -> Any:
    """Tell the whole account, as version 3 does: only what is held."""
    return _account(asked, asked.exchange.futures.held())


def account_v2(asked: Asked) -> Any:
    """Tell the whole account, as version 2 does: every symbol."""
    return _account(asked, _everywhere(asked)) | {
        "feeTier": 0,
        "feeBurn": False,
        "canTrade": asked.key is not None and asked.key.trade,
        "canDeposit": True,
        "canWithdraw": asked.key is not None and asked.key.withdraw,
        "updateTime": 0,
        "multiAssetsMargin": False,
        "tradeGroupId": -1,
    }


def _account(asked: Asked, positions: list[Position]) -> dict[str, Any]:
    asset, ledger = _asset(asked), asked.exchange.futures
    return {
        "totalInitialMargin": asset["initialMargin"],
        "totalMaintMargin": asset["maintMargin"],
        "totalWalletBalance": asset["walletBalance"],
        "totalUnrealizedProfit": asset["unrealizedProfit"],
        "totalMarginBalance": asset["marginBalance"],
        "totalPositionInitialMargin": asset["positionInitialMargin"],
        "totalOpenOrderInitialMargin": asset["openOrderInitialMargin"],
        "totalCrossWalletBalance": asset["crossWalletBalance"],
        "totalCrossUnPnl": asset["crossUnPnl"],
        "availableBalance": asset["availableBalance"],
        "maxWithdrawAmount": asset["maxWithdrawAmount"],
        "assets": [asset],
        "positions": [
            {
                "symbol": one.pit.id,
                "positionSide": one.side,
                "positionAmt": one.pit.grid.size_text(one.lots),
                "unrealizedProfit": _n(one.unrealised),
                "isolated": one.pit.id in ledger.isolated,
                "isolatedMargin": "0",
                "isolatedWallet": "0",
                "notional": _n(one.notional),
                "entryPrice": _n(one.entry),
                "breakEvenPrice": _n(one.entry),
                "leverage": str(ledger.leverage_of(one.pit.id)),
                "initialMargin": _n(_margin(ledger, one)),
                "maintMargin": _n(one.maintenance),
                "positionInitialMargin": _n(_margin(ledger, one)),
                "openOrderInitialMargin": "0",
                "maxNotional": str(NOTIONAL_MAX),
                "bidNotional": "0",
                "askNotional": "0",
                "updateTime": one.updated_ms,
            }
            for one in positions
        ],
    }


def _margin(ledger: FuturesLedger, one: Position) -> Decimal:
    return abs(one.notional) / ledger.leverage_of(one.pit.id)


def _everywhere(asked: Asked) -> list[Position]:
    """Give every position that there is or could be, named or all."""
    ledger = asked.exchange.futures
    sides = ("LONG", "SHORT") if ledger.hedged else (BOTH,)
    return [
        ledger.positions.get((pit.id, side)) or Position(pit, side)
        for pit in asked.pits()
        for side in sides
    ]


def risk(asked: Asked) -> Any:
    """List positions, as version 3 does: those that are held, or whose symbol is asked."""
    held = [one for one in _everywhere(asked) if one.lots]
    return [_risk_row(asked, one) for one in held]


def risk_v2(asked: Asked) -> Any:
    """List positions, as version 2 does: every symbol."""
    return [_risk_row(asked, one) for one in _everywhere(asked)]


def _risk_row(asked: Asked, one: Position) -> dict[str, Any]:
    ledger, pit = asked.exchange.futures, one.pit
    isolated = pit.id in ledger.isolated
    margin = _n(_margin(ledger, one))
    return {
        "symbol": pit.id,
        "positionSide": one.side,
        "positionAmt": pit.grid.size_text(one.lots),
        "entryPrice": _n(one.entry),
        "breakEvenPrice": _n(one.entry),
        "markPrice": pit.grid.price_text(pit.mark),
        "unRealizedProfit": _n(one.unrealised),
        "liquidationPrice": _n(ledger.liquidation_price(one)),
        "leverage": str(ledger.leverage_of(pit.id)),
        "marginType": "isolated" if isolated else "cross",
        "maxNotionalValue": str(NOTIONAL_MAX),
        "isolatedMargin": margin if isolated else "0.00000000",
        "isolatedWallet": margin if isolated else "0",
        "isAutoAddMargin": "false",
        "notional": _n(one.notional),
        "marginAsset": "USDT",
        "initialMargin": margin,
        "maintMargin": _n(one.maintenance),
        "positionInitialMargin": margin,
        "openOrderInitialMargin": "0",
        "adl": 1,
        "bidNotional": "0",
        "askNotional": "0",
        "updateTime": one.updated_ms,
    }


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
        raise illegal("marginType")
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
        raise missing("dualSidePosition")
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


def income(asked: Asked) -> Any:
    """List results, fees and funding."""
    kind = asked.maybe("incomeType")
    symbol = asked.maybe("symbol")
    start, end = asked.number("startTime", 0), asked.number("endTime", 2**62)
    rows = [
        row
        for row in asked.acts.income
        if (not kind or row["incomeType"] == kind)
        and (not symbol or row["symbol"] == symbol)
        and start <= row["time"] <= end
    ]
    return rows[: asked.limit(100, 1_000)]


ROUTES: Table = {
    ("GET", "/fapi/v2/balance"): private(balance),
    ("GET", "/fapi/v3/balance"): private(balance),
    ("GET", "/fapi/v1/account"): private(account_v2),
    ("GET", "/fapi/v2/account"): private(account_v2),
    ("GET", "/fapi/v3/account"): private(account),
    ("GET", "/fapi/v1/positionRisk"): private(risk_v2),
    ("GET", "/fapi/v2/positionRisk"): private(risk_v2),
    ("GET", "/fapi/v3/positionRisk"): private(risk),
    ("POST", "/fapi/v1/leverage"): trading(set_leverage, "account"),
    ("POST", "/fapi/v1/marginType"): trading(set_margin, "account"),
    ("GET", "/fapi/v1/positionSide/dual"): private(mode, 30),
    ("POST", "/fapi/v1/positionSide/dual"): trading(set_mode, "account"),
    ("GET", "/fapi/v1/symbolConfig"): private(symbol_config),
    ("GET", "/fapi/v1/accountConfig"): private(account_config),
    ("GET", "/fapi/v1/commissionRate"): private(commission, 20),
    ("GET", "/fapi/v1/leverageBracket"): private(brackets, 1),
    ("GET", "/fapi/v1/income"): private(income, 30),
}
