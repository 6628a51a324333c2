"""Trades on real exchanges: the exchange port on ccxt's signing and our own reading.

    async with open_live_account(plan) as account, trio.open_nursery() as nursery:
        await account.prepare()
        account.connect(sink)
        await nursery.start(account.run)
        outcome = await account.place(request)

`capabilities` says which exchanges, and how each kind of order is written there.
"""

from actors.exchange.live.account import LiveAccount
from actors.exchange.live.capabilities import ROWS, Row
from actors.exchange.live.opening import open_live_account
from actors.exchange.live.permissions import Permissions
from actors.exchange.live.plan import Accept, LivePlan, MarginMode

__all__ = [
    "ROWS",
    "Accept",
    "LiveAccount",
    "LivePlan",
    "MarginMode",
    "Permissions",
    "Row",
    "open_live_account",
]
