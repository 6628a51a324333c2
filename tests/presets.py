"""Presets and instruments that tests build in Python."""

from decimal import Decimal
from typing import Any

import msgspec

from actors.domain.bars import Instrument
from actors.domain.findings import SymbolContext
from config.preset import (
    Component,
    LiquidityFilters,
    Policy,
    PositionConfig,
    Preset,
    Risk,
    ScannerConfig,
    SignalConfig,
    SignalKind,
    TakeProfit,
    Unknowns,
    VolatilityFilters,
)

MINUTE_MS = 60_000
UNKNOWN_NAMES = Unknowns.__struct_fields__


def unknowns(policy: Policy, **others: Policy) -> Unknowns:
    return Unknowns(**(dict.fromkeys(UNKNOWN_NAMES, policy) | others))


def breakout_v1(policy: Policy = Policy.SKIP) -> Preset:
    """The reference system's first preset, in its own numbers."""
    return Preset(
        name="breakout_v1",
        description="the reference numbers",
        target_markets=("perpetual",),
        strategy_priority=(SignalKind.MOMENTUM, SignalKind.RETEST),
        risk=Risk(
            risk_per_trade=Decimal("0.015"),
            daily_risk_limit=Decimal("0.08"),
            kill_switch_loss_limit=Decimal("0.18"),
            max_concurrent_positions=3,
            correlation_limit=Decimal("0.4"),
        ),
        liquidity_filters=LiquidityFilters(
            min_24h_volume_usd=5e6,
            min_oi_usd=2e6,
            max_spread_bps=30.0,
            min_depth_usd_0_5pct=8e3,
            min_depth_usd_0_3pct=5e3,
            min_trades_per_minute=3.0,
        ),
        volatility_filters=VolatilityFilters(
            atr_range_min=0.005,
            atr_range_max=0.12,
            bb_width_percentile_max=82.0,
            volume_surge_1h_min=1.15,
            volume_surge_5m_min=1.4,
            oi_delta_threshold=0.018,
        ),
        signal_config=SignalConfig(
            momentum_volume_multiplier=1.4,
            momentum_body_ratio_min=0.3,
            momentum_epsilon=0.0012,
            retest_pierce_tolerance=0.002,
            retest_max_pierce_atr=0.35,
            l2_imbalance_threshold=0.15,
            vwap_gap_max_atr=2.0,
        ),
        position_config=PositionConfig(
            tp_levels=(TakeProfit(level_r=Decimal("1.5"), size=Decimal("0.4")),),
        ),
        scanner_config=ScannerConfig(
            max_candidates=30,
            score_weights={
                Component.VOL_SURGE: 0.3,
                Component.OI_DELTA: 0.15,
                Component.ATR_QUALITY: 0.2,
                Component.CORRELATION: 0.15,
                Component.TRADES_PER_MINUTE: 0.2,
            },
            top_n_by_volume=200,
        ),
        unknown=unknowns(policy),
    )


def changed(preset: Preset, path: str, value: Any) -> Preset:
    """Give the preset with one field, named by a dotted path, changed."""
    head, _, rest = path.partition(".")
    if rest:
        value = changed(getattr(preset, head), rest, value)
    return msgspec.structs.replace(preset, **{head: value})


def instrument(symbol: str = "AAA/USDT:USDT", *, shortable: bool = True) -> Instrument:
    return Instrument(
        symbol=symbol,
        base=symbol.partition("/")[0],
        quote="USDT",
        tick_size=Decimal("0.0001"),
        lot_size=Decimal("0.001"),
        quantity_min=Decimal("0.001"),
        notional_min=Decimal(5),
        shortable=shortable,
        maker_fee_bps=Decimal(2),
        taker_fee_bps=Decimal(5),
    )


def context(minutes: int = 15, *, shortable: bool = True) -> SymbolContext:
    return SymbolContext(instrument(shortable=shortable), minutes * MINUTE_MS)
