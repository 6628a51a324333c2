"""Why a preset can never fire, proved from its numbers alone.

Nobody should wait two days for the first trade of a preset that cannot make one. Each
finding is one sentence: field, value, limit, remedy. What is not listed here may still
be rare: this proves impossibility, not chances.
"""

from collections.abc import Iterator
from decimal import Decimal

from config.preset import (
    Component,
    Policy,
    Preset,
    SignalKind,
    StopMode,
    TargetMarket,
)

DAY_MINUTES = 1440
#: The approach to a level is judged on so many bars.
APPROACH_BARS = 10
#: A touch needs a departure, so half of the 256 remembered bars at most.
TOUCHES_MAX = 127
#: The least and the most that each score component can be; the score clips at 3.
COMPONENT_RANGE = {
    Component.VOL_SURGE: (-1.5, 3.0),
    Component.ATR_QUALITY: (-2.5, 2.5),
    Component.TRADES_PER_MINUTE: (-3.0, 3.0),
    Component.OI_DELTA: (0.0, 3.0),
    Component.CORRELATION: (0.0, 1.0),
    Component.GAINERS: (-3.0, 3.0),
}
#: The widest stop that a signal can have, in ATR (nearer of swing and 1.2 ATR).
SIGNAL_STOP_ATR = Decimal("1.2")
#: What recorded candles cannot say.
_ABSENT = {
    TargetMarket.REPLAY: (
        *("spread", "depth", "trades_per_minute", "open_interest", "oi_delta"),
        "imbalance",
    ),
    TargetMarket.DEMO: (),
    TargetMarket.LIVE: (),
}


def why_never(preset: Preset) -> tuple[str, ...]:
    """Say why a preset, or a signal kind that it lists, can never fire."""
    findings = [*_no_candidate(preset), *_no_input(preset), *_no_level(preset)]
    kinds = preset.strategy_priority
    if SignalKind.MOMENTUM in kinds:
        findings += _no_momentum(preset)
    return (*findings, *_no_stop(preset))


def why_never_at(
    preset: Preset, equity_usd: Decimal, notional_min_usd: Decimal
) -> tuple[str, ...]:
    """Say why no trade of a preset can be sized with so much equity.

    The least that is ever wanted is the size at the widest stop, the most is the one
    at no stop distance at all, where costs alone are risked.
    """
    execution, risk = preset.execution_config, preset.risk
    costs = (2 * execution.taker_fee_bps + execution.slippage_bps) / 10_000
    stop = _stop_atr(preset) * Decimal(repr(preset.volatility_filters.atr_range_max))
    wanted = equity_usd * risk.risk_per_trade
    least = wanted / (stop + costs)
    ceiling = equity_usd * risk.leverage_max
    cap = min(risk.max_position_size_usd or ceiling, ceiling)
    found = []
    if cap < least * execution.size_skip_below:
        found.append(
            f"risk.max_position_size_usd and leverage_max allow {cap:.2f} USD; the "
            f"smallest size ever wanted with {equity_usd} USD is {least:.2f}, and "
            f"under {execution.size_skip_below} of it a trade is skipped; allow "
            "more or risk less per trade"
        )
    if costs > 0 and min(cap, wanted / costs) < notional_min_usd:
        found.append(
            f"risk.risk_per_trade {risk.risk_per_trade} of {equity_usd} USD buys at "
            f"most {min(cap, wanted / costs):.2f} USD; the exchange's minimum is "
            f"{notional_min_usd}; raise the equity or the risk"
        )
    return tuple(found)


def _no_candidate(preset: Preset) -> Iterator[str]:
    volatility = preset.volatility_filters
    low, high = volatility.atr_range_min, volatility.atr_range_max
    if low >= high:
        yield (
            f"volatility_filters.atr_range_min is {low:g}; no ATR is over it and under "
            f"atr_range_max, {high:g}; lower it or raise atr_range_max"
        )
    scanner = preset.scanner_config
    best = sum(
        max(weight * end for end in COMPONENT_RANGE[name])
        for name, weight in scanner.score_weights.items()
    )
    if scanner.score_min is not None and scanner.score_min > best:
        yield (
            f"scanner_config.score_min is {scanner.score_min:g}; these weights score "
            f"at most {best:g}; lower it"
        )
    if scanner.whitelist and not set(scanner.whitelist) - set(scanner.blacklist):
        yield (
            "scanner_config.whitelist minus blacklist leaves 0 symbols; at least 1 is "
            "needed; add one, or empty the whitelist to allow all"
        )
    yield from _always_vetoed(preset)


def _always_vetoed(preset: Preset) -> Iterator[str]:
    rules = preset.signal_config.entry_rules
    quality = preset.signal_config.market_quality
    high = preset.volatility_filters.atr_range_max
    avoided = rules.session_avoid_first_minutes + rules.session_avoid_last_minutes
    if avoided >= DAY_MINUTES:
        yield (
            f"signal_config.entry_rules.session_avoid_* cover {avoided} minutes; the "
            f"day has {DAY_MINUTES}; shorten them"
        )
    if quality.flat_atr_ratio_min is not None and quality.flat_atr_ratio_min >= high:
        yield (
            f"signal_config.market_quality.flat_atr_ratio_min is "
            f"{quality.flat_atr_ratio_min:g}; every ATR up to atr_range_max, {high:g}, "
            "is flat by it; lower it"
        )
    if quality.noise_max == 0:
        yield (
            "signal_config.market_quality.noise_max is 0; only a market that never "
            "turns back has so little; raise it over 0, or null to switch it off"
        )
    if rules.consolidation_bars_min > APPROACH_BARS:
        yield (
            f"signal_config.entry_rules.consolidation_bars_min is "
            f"{rules.consolidation_bars_min}; the approach has {APPROACH_BARS} bars; "
            "lower it"
        )


def _no_input(preset: Preset) -> Iterator[str]:
    """Filters that fail on UNKNOWN, where a target market can never know."""
    off = set()
    if preset.liquidity_filters.min_oi_usd is None:
        off.add("open_interest")
    if preset.volatility_filters.oi_delta_threshold is None:
        off.add("oi_delta")
    if preset.scanner_config.top_n_by_volume is None:
        off.add("volume_rank")
    for market in preset.target_markets:
        for field in _ABSENT[market]:
            fails = getattr(preset.unknown, field) is Policy.FAIL
            if fails and field not in off:
                yield (
                    f"unknown.{field} is fail; a {market} market never gives it, so "
                    f"nothing passes there; choose skip, or take {market} out of "
                    "target_markets"
                )


def _no_level(preset: Preset) -> Iterator[str]:
    touches = preset.levels_rules.min_touches
    if touches > TOUCHES_MAX:
        yield (
            f"levels_rules.min_touches is {touches}; the remembered bars hold at most "
            f"{TOUCHES_MAX}; lower it"
        )


def _no_momentum(preset: Preset) -> Iterator[str]:
    signal = preset.signal_config
    epsilon_bps = signal.momentum_epsilon * 10_000
    if epsilon_bps >= signal.entry_rules.max_distance_bps:
        yield (
            f"signal_config.momentum_epsilon is {signal.momentum_epsilon:g}, "
            f"{epsilon_bps:g} bps; entries further than max_distance_bps, "
            f"{signal.entry_rules.max_distance_bps:g}, are vetoed; lower epsilon or "
            "raise the distance"
        )
    if signal.momentum_body_ratio_min >= 1:
        yield (
            "signal_config.momentum_body_ratio_min is 1; only bars without any wick "
            "have so much body; write a ratio under 1"
        )
    if signal.l2_imbalance_threshold >= 1:
        yield (
            "signal_config.l2_imbalance_threshold is 1; imbalance is bounded by 1, and "
            "reaches it only when one side of the book is empty; write a value under 1"
        )


def _no_stop(preset: Preset) -> Iterator[str]:
    position, atr = preset.position_config, preset.volatility_filters.atr_range_min
    if position.sl_mode is StopMode.ATR and position.sl_atr * Decimal(repr(atr)) >= 1:
        yield (
            f"position_config.sl_atr is {position.sl_atr}; at atr_range_min, {atr:g}, "
            "a long's stop would be at or below 0; lower it"
        )


def _stop_atr(preset: Preset) -> Decimal:
    position = preset.position_config
    return position.sl_atr if position.sl_mode is StopMode.ATR else SIGNAL_STOP_ATR
