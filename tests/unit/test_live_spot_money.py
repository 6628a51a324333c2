"""What a spot account's coins are and have cost, from its fees and trades."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from actors.domain.bars import Instrument
from actors.exchange.live.binance_money import bought
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


def buy(size: str, price: int, coins: str = "0") -> dict[str, Any]:
    asset = "AAA" if D(coins) else "USDT"
    row = {"qty": size, "price": str(price), "isBuyer": True}
    return row | {"commission": coins, "commissionAsset": asset}


def sell(size: str, price: int) -> dict[str, Any]:
    return buy(size, price) | {"isBuyer": False, "commission": "0.1"}


@pytest.mark.parametrize(
    ("rows", "held", "found"),
    [
        ([], "0", ("0", "0")),
        ([], "3", ("0", "0")),  # none of it was bought here
        ([buy("2", 100)], "2", ("2", "200")),
        ([buy("2", 100, "0.5")], "1.5", ("1.5", "150")),
        ([buy("2", 100), buy("2", 110)], "4", ("4", "420")),
        ([buy("2", 100), buy("2", 110), sell("2", 90)], "2", ("2", "210")),
        # What a position leaves is of the next one, at its cost; so is what a fee took.
        ([buy("2", 100, "0.5"), sell("1", 90), buy("2", 110)], "2.5", ("2.5", "270")),
        ([buy("2", 100), sell("2", 90), buy("2", 110)], "2", ("2", "220")),
        ([sell("5", 90), buy("2", 100)], "2", ("2", "200")),
        ([buy("2", 100)], "5", ("2", "200")),  # the rest was there before
        ([buy("2", 100)], "0.5", ("0.5", "50")),  # the rest has gone
    ],
)
def test_what_is_held_has_cost_what_its_purchases_have_on_average(
    rows: list[dict[str, Any]], held: str, found: tuple[str, str]
) -> None:
    assert bought(rows, "AAA", D(held)) == tuple(map(D, found))
