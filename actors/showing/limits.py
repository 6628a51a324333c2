"""Every limit with what is used of it now, told by the functions that judge entries."""

from collections.abc import Iterator, Mapping
from decimal import Decimal

from actors.domain import limits
from actors.domain.bars import Instrument
from actors.domain.caps import Cap, caps
from actors.domain.limits import Account
from actors.domain.market_limits import EXIT_DEPTH, MarketRow
from actors.domain.money import ZERO
from actors.domain.orders import Side
from actors.domain.shown.money import LimitRow
from actors.domain.sizing import per_trade_max

UNITS = {
    "duplicate_position": "positions",
    "max_positions": "positions",
    "daily_loss_r": "r",
    "consecutive_losses": "trades",
    "opens_per_minute": "per_minute",
}
#: In the account's rows, of one symbol: told of those that are held.
DUPLICATE = "duplicate_position"

Traded = Mapping[str, Instrument]


def limit_rows(
    account: Account, traded: Traded, newest: tuple[str, tuple[MarketRow, ...]]
) -> tuple[LimitRow, ...]:
    """Tell every limit of an account; `newest` is what the newest signal met."""
    return (
        *_on_entries(account),
        *_on_losses(account, traded),
        *_on_notional(account, traded),
        *_on_one_trade(account),
        *_on_markets(*newest),
        *_on_the_kill_switch(account),
    )


def _on_entries(account: Account) -> Iterator[LimitRow]:
    """What refuses any entry, whatever its size."""
    for name, used, limit in limits.account_rows(account, ""):
        if name != DUPLICATE and limit != limits.INFINITE:
            yield LimitRow(name, used, limit, _unit(name), used >= limit, "")
    for symbol in sorted({held.symbol for held in account.holdings}):
        for name, used, limit in limits.account_rows(account, symbol):
            if name == DUPLICATE:
                yield LimitRow(name, used, limit, _unit(name), used >= limit, symbol)


def _unit(name: str) -> str:
    return UNITS.get(name, "usd")


def _capped(name: str, cap: Cap | None, detail: str) -> Iterator[LimitRow]:
    if cap is not None:
        blocks = cap.left <= ZERO
        yield LimitRow(name, cap.used, cap.limit, "usd", blocks, detail)


def _on_losses(account: Account, traded: Traded) -> Iterator[LimitRow]:
    """What is lost when every stop is hit, held against the loss limits."""
    found = caps(account, Side.LONG, next(iter(traded.values())))
    detail = "when every stop is hit"
    yield from _capped("daily_loss_at_stops", found.daily_loss, detail)
    yield from _capped("daily_loss_r_at_stops", found.daily_loss_r, detail)
    yield from _capped("drawdown_at_stops", found.drawdown, detail)


def _on_notional(account: Account, traded: Traded) -> Iterator[LimitRow]:
    """What may be held on one side, in one bucket, with leverage, in one symbol."""
    examples = _examples(traded)
    for side in Side:
        found = caps(account, side, examples[0])
        yield from _capped("same_direction", found.same_direction, side)
    for one in examples:
        for side in Side:
            found, bucket = caps(account, side, one), limits.bucket_of(one, side)
            yield from _capped("correlated", found.correlated, bucket)
    margin = caps(account, Side.LONG, examples[0]).margin
    yield from _capped("margin", margin, "")
    for symbol, _ in account.day.notional_by_symbol:
        if symbol in traded:
            of_symbol = caps(account, Side.LONG, traded[symbol]).symbol_day
            yield from _capped("symbol_day", of_symbol, symbol)


def _examples(traded: Traded) -> list[Instrument]:
    """One instrument of each correlated group; first those that have leverage."""
    groups: dict[str, Instrument] = {}
    for one in sorted(traded.values(), key=lambda one: not one.shortable):
        if one.quote in limits.ACCOUNT_QUOTES or not groups:
            groups.setdefault(limits.correlated_group(one), one)
    return list(groups.values())


def _on_one_trade(account: Account) -> Iterator[LimitRow]:
    """The largest of what is held and in flight, against what one trade may be."""
    risk, held = account.preset.risk, account.holdings
    most = account.equity * per_trade_max(risk)
    worst = max(held, key=lambda one: one.risk_usd, default=None)
    at_risk, symbol = (ZERO, "") if worst is None else (worst.risk_usd, worst.symbol)
    yield LimitRow("per_trade", at_risk, most, "usd", False, symbol)
    if risk.max_position_size_usd is not None:
        largest = max(held, key=lambda one: one.notional, default=None)
        size = ZERO if largest is None else largest.notional
        symbol = "" if largest is None else largest.symbol
        most = risk.max_position_size_usd
        yield LimitRow("max_position_usd", size, most, "usd", False, symbol)


def _on_markets(symbol: str, rows: tuple[MarketRow, ...]) -> Iterator[LimitRow]:
    """What the newest signal's market offered; each signal is judged anew."""
    detail = f"newest signal: {symbol}"
    for row in rows:
        used: Decimal | None = row.value
        limit, unit = row.limit, "bps"
        if row.name == EXIT_DEPTH:
            unit = "ratio" if used is None else "usd"
            if used is not None:  # what the book could take back of one entry
                used, limit = ZERO, used / limit
        yield LimitRow(row.name, used, limit, unit, row.refuses, detail)


def _on_the_kill_switch(account: Account) -> Iterator[LimitRow]:
    rows = limits.kill_rows(account.day, account.equity, account.preset.risk)
    for name, used, limit in rows:
        yield LimitRow(name, used, limit, "usd", used >= limit, "")
