"""What a spot account's coins are and have cost, from its fees and trades."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from actors.domain.bars import Instrument
from actors.exchange.live.binance_money import bought_last
from actors.exchange.live.symbols import fee_in_coin
from tests.presets import instrument

D = Decimal
SPOT = msgspec.structs.replace(instrument("AAA/USDT", shortable=False), base="AAA")
SWAP = msgspec.structs.replace(instrument("AAA/USDT:USDT"), base="AAA")


@pytest.mark.parametrize(
    ("asset", "rules", "taken"),
    [
        ("AAA", SPOT, D("0.01")),
        ("USDT", SPOT, D(0)),
        ("BNB", SPOT, D(0)),
        ("AAA", SWAP, D(0)),  # from the margin wallet: no position is less for it
        ("AAA", None, D(0)),
        ("", SPOT, D(0)),
    ],
)
def test_a_fee_is_taken_from_the_coin_on_spot_alone(
    asset: str, rules: Instrument | None, taken: Decimal
) -> None:
    assert fee_in_coin(asset, D("0.01"), rules) == taken


def bought(size: str, price: int, coins: str = "0") -> dict[str, Any]:
    asset = "AAA" if D(coins) else "USDT"
    row = {"qty": size, "price": str(price), "isBuyer": True}
    return row | {"commission": coins, "commissionAsset": asset}


def sold(size: str, price: int) -> dict[str, Any]:
    return bought(size, price) | {"isBuyer": False, "commission": "0.1"}


@pytest.mark.parametrize(
    ("rows", "size", "found"),
    [
        ([], "0", ("0", "0")),
        ([], "3", ("0", "0")),  # none of it was bought here
        ([bought("2", 100)], "2", ("2", "200")),
        ([bought("2", 100, "0.5")], "1.5", ("1.5", "150")),
        ([bought("2", 100), bought("2", 110)], "4", ("4", "420")),
        ([bought("2", 100), bought("2", 110), sold("2", 90)], "2", ("2", "210")),
        # What is left of an earlier position keeps its own cost.
        ([bought("2", 100), sold("1", 90), bought("2", 110)], "3", ("3", "320")),
        (
            [bought("2", 100), sold("1", 90), bought("2", 110), sold("2", 90)],
            "1",
            ("1", "100"),
        ),
        ([sold("5", 90), bought("2", 100)], "2", ("2", "200")),
        ([bought("2", 100)], "5", ("2", "200")),  # the rest was there before
        ([bought("2", 100)], "0.5", ("0.5", "50")),  # the rest has gone
    ],
)
def test_what_was_bought_last_is_sold_first(
    rows: list[dict[str, Any]], size: str, found: tuple[str, str]
) -> None:
    assert bought_last(rows, "AAA", D(size)) == tuple(map(D, found))
