"""The exchanges with hot streams, by the name that a market is opened with."""

from actors.market.live import binance, bybit, okx
from actors.market.live.dialect import Dialect

DIALECTS: dict[str, Dialect] = {
    dialect.name: dialect
    for dialect in (
        binance.SPOT,
        binance.USDM,
        bybit.LINEAR,
        bybit.SPOT,
        okx.SWAP,
        okx.SPOT,
    )
}
