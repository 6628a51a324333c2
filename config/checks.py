"""Whether a preset's fields agree with each other, beyond what types can say.

Each finding is one sentence: field, value, limit, remedy. Whether a preset that agrees
with itself can also fire is `config.never`'s question.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise

from config.preset import Preset

DAY_MINUTES = 1440
WEIGHTS_MIN, WEIGHTS_MAX = 0.8, 1.2


def contradictions(preset: Preset) -> tuple[str, ...]:
    """List the fields that contradict each other."""
    return (*_risk(preset), *_lists(preset), *_position(preset), *_scanner(preset))


def _risk(preset: Preset) -> Iterator[str]:
    risk = preset.risk
    ordered = (
        ("risk_per_trade", "daily_risk_limit"),
        ("risk_per_trade", "max_total_risk"),
        ("risk_per_trade", "max_risk_per_trade"),
        ("max_risk_per_trade", "max_total_risk"),
        ("daily_risk_limit", "kill_switch_loss_limit"),
        ("correlated_exposure_warn", "correlated_exposure_block"),
    )
    for lower, upper in ordered:
        low, high = getattr(risk, lower), getattr(risk, upper)
        if low is not None and high is not None and low > high:
            yield (
                f"risk.{lower} is {low}; it must not exceed risk.{upper}, {high}; "
                f"lower {lower} or raise {upper}"
            )


def _lists(preset: Preset) -> Iterator[str]:
    scanner = preset.scanner_config
    lists: tuple[tuple[str, Sequence[object], bool], ...] = (
        ("strategy_priority", preset.strategy_priority, True),
        ("target_markets", preset.target_markets, True),
        ("scanner_config.whitelist", scanner.whitelist, False),
        ("scanner_config.blacklist", scanner.blacklist, False),
        ("levels_rules.donchian_bars", preset.levels_rules.donchian_bars, False),
    )
    for field, items, needed in lists:
        if needed and not items:
            yield f"{field} is empty; at least 1 is needed; name one"
        for item, times in Counter(items).items():
            if times > 1:
                yield f"{field} names {item} {times} times; once is the limit; drop one"
    both = sorted(set(scanner.whitelist) & set(scanner.blacklist))
    if both:
        yield (
            f"scanner_config.whitelist and blacklist both name {', '.join(both)}; a "
            "symbol may be on one of them; drop it from the other"
        )


def _position(preset: Preset) -> Iterator[str]:
    position = preset.position_config
    ladder = position.tp_levels
    for nearer, further in pairwise(ladder):
        if further.level_r <= nearer.level_r:
            yield (
                f"position_config.tp_levels has {further.level_r}R after "
                f"{nearer.level_r}R; each must be further than the one before; sort "
                "them or drop one"
            )
    total = sum(leg.size for leg in ladder)
    if total > 1:
        yield (
            f"position_config.tp_levels sell {total} of the position; 1 is the limit; "
            "make the sizes smaller"
        )
    if position.breakeven_at_r > position.trail_from_r:
        yield (
            f"position_config.breakeven_at_r is {position.breakeven_at_r}; it must not "
            f"exceed trail_from_r, {position.trail_from_r}; break even before trailing"
        )


def _scanner(preset: Preset) -> Iterator[str]:
    weights = preset.scanner_config.score_weights
    total = sum(abs(weight) for weight in weights.values())
    if not WEIGHTS_MIN <= total <= WEIGHTS_MAX:
        yield (
            f"scanner_config.score_weights sum to {total:g} in absolute terms; the "
            f"sum must be {WEIGHTS_MIN} to {WEIGHTS_MAX}; scale them"
        )
    liquidity, volatility = preset.liquidity_filters, preset.volatility_filters
    if liquidity.min_depth_usd_0_3pct > liquidity.min_depth_usd_0_5pct:
        yield (
            f"liquidity_filters.min_depth_usd_0_3pct is "
            f"{liquidity.min_depth_usd_0_3pct:g}; depth within 0.5% includes it, so "
            f"min_depth_usd_0_5pct, {liquidity.min_depth_usd_0_5pct:g}, must not be "
            "less; swap or raise it"
        )
    if volatility.bb_width_percentile_max <= 1:
        yield (
            f"volatility_filters.bb_width_percentile_max is "
            f"{volatility.bb_width_percentile_max:g}; it is a percentile, over 1 and "
            "up to 100; write 90 for 0.9"
        )
    minutes = preset.timeframe_minutes
    if minutes is not None and DAY_MINUTES % minutes:
        yield (
            f"timeframe_minutes is {minutes}; it must divide the day's {DAY_MINUTES} "
            "minutes; choose 1, 3, 5, 15, 30, 60, 240 or null for the market's own"
        )
