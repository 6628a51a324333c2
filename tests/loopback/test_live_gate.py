"""A live account behind its gate: what is not let through was provably not sent."""

from typing import Any

import pytest
import trio

from actors.domain.errors import Unsent
from actors.domain.orders import Placed, Refused, Unknown
from actors.exchange.gate import Fault, Lane
from actors.exchange.gate.gate import Ticket
from tests.gates import Gated
from tests.loopback.accounts import SYMBOL, trading
from tests.loopback.client import PATIENCE_SECONDS, exchange
from tests.loopback.test_dial_bans import Refusing
from tests.wire.socket_peer import serving


async def test_an_open_breaker_refuses_the_entry_and_lets_the_stop_pass() -> None:
    gate = Gated().gate
    async with exchange() as client, trading(client, gate=gate) as trader:
        assert isinstance(
            await trader.account.place(trader.request("bx0-entry")), Placed
        )
        while gate.allows(Lane.ENTRY):
            gate.breaker.end(Fault.SERVER, trio.current_time(), probe=False)
        refused = await trader.account.place(trader.request("bx0-second"))
        assert isinstance(refused, Refused)
        assert "not sent" in refused.reason
        assert isinstance(await trader.account.place(trader.stop("bx0-stop")), Placed)
        truth = await trader.truth()
        assert set(truth["intents"]) == {"bx0-entry", "bx0-stop"}


async def test_what_the_gate_holds_back_at_the_last_moment_was_not_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with exchange() as client, trading(client, gate=Gated().gate) as trader:
        account = trader.account
        assert isinstance(await account.place(trader.request("bx0-entry")), Placed)

        def closed(_ticket: Any) -> Any:
            msg = "a ban began"
            raise Unsent(msg)

        monkeypatch.setattr(Ticket, "__enter__", closed)
        placed = await account.place(trader.request("bx0-late"))
        cancelled = await account.cancel(SYMBOL, "bx0-entry")
        monkeypatch.undo()
        assert isinstance(placed, Refused)
        assert isinstance(cancelled, Unknown)
        assert set((await trader.truth())["intents"]) == {"bx0-entry"}


@pytest.mark.parametrize("unified", [False, True], ids=["own", "unified"])
async def test_a_ban_that_the_account_s_stream_has_earned_holds_for_its_orders(
    *, unified: bool
) -> None:
    gated, refusing = Gated(), Refusing()
    chosen = {"gate": gated.gate, "unified": unified}
    async with (
        exchange() as client,
        serving(refusing) as url,
        trading(client, stream=False, stream_url=url, **chosen) as trader,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(trader.account.run)
        with trio.fail_after(PATIENCE_SECONDS):
            while gated.gate.allows(Lane.ENTRY):  # noqa: ASYNC110 - a short look
                await trio.sleep(0.02)
        refused = await trader.account.place(trader.request("bx0-entry"))
        assert isinstance(refused, Refused)
        assert "banned (HTTP 418 to a WebSocket)" in refused.reason
        await trio.sleep(1.2)  # it would dial again after half a second
        assert refusing.dials == 1
        assert not (await trader.truth())["intents"]
        nursery.cancel_scope.cancel()
