"""The futures account's endpoints: balances, positions, leverage, modes, income."""

from decimal import Decimal
from typing import Any

from actors.domain.money import ZERO
from actors.loopback.accounts.futures import (
    BOTH,
    NOTIONAL_MAX,
    FuturesLedger,
    Position,
)
from actors.loopback.rest.request import Asked, Table, private
from actors.loopback.rest.signing import told_ms


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
    """List positions, as version 3 does: only those that are held."""
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
    ("GET", "/fapi/v1/income"): private(income, 30),
}
