"""`breakout exchange-sim`: a whole exchange on loopback, to try live mode on toy money.

Exit codes: 0 stopped by Ctrl-C or SIGTERM, 2 refused.
"""

import signal
from collections.abc import Iterator
from typing import Annotated, Any

import msgspec
import trio
import typer
from rich.console import Console

from actors.domain.errors import EngineError
from actors.loopback.exchange import Exchange, pace_of
from actors.loopback.faults.menu import FAULTS, UnknownFault, parse
from actors.loopback.floor.pit import Venue
from actors.loopback.server import serve_exchange
from actors.loopback.settings import KEYS, SimSettings

USAGE = 2

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


def option(text: str, *names: str) -> Any:
    """Make an option with its help."""
    return typer.Option(*names, help=text)


Port = Annotated[int, option("Port on loopback; 0: a free one.")]
Host = Annotated[str, option("127.0.0.1, ::1 or localhost; nothing else.")]
Market = Annotated[
    str, option("demo, replay:PATH, or books:DIR (raw Binance streams).")
]
Symbols = Annotated[int, option("How many symbols; 0: all that a recording has.")]
Speed = Annotated[str, option("Market seconds in a second, max, or hand.")]
Start = Annotated[str, option("now, or market: the market's own times.")]
Seed = Annotated[int, option("Seed of market and faults.")]
Faults = Annotated[str, option("E.g. answer_lost=0.1,query_blind:ms=3000:count=5.")]
Wallet = Annotated[str, option("USDT to begin with, on each venue.")]
Twins = Annotated[bool, option("List every symbol on spot and on futures.", "--twins")]
Menu = Annotated[bool, option("Print the fault menu and exit.", "--fault-menu")]


def exchange_sim(  # noqa: PLR0913, PLR0917 - every option has its own line of help
    port: Port = 9200,
    host: Host = "127.0.0.1",
    market: Market = "demo",
    symbols: Symbols = 20,
    speed: Speed = "1",
    start: Start = "now",
    seed: Seed = 1,
    faults: Faults = "",
    wallet: Wallet = "10000",
    *,
    twins: Twins = False,
    fault_menu: Menu = False,
) -> None:
    """Run an exchange on loopback that speaks Binance spot and USD-M futures."""
    given = locals()
    if fault_menu:
        for name, text in FAULTS.items():
            out.print(f"{name:20} {text}", markup=False)
        return
    refused: list[Exception] = []
    try:
        trio.run(_serve, _settings(given))
    except* (EngineError, UnknownFault, ValueError, OSError) as group:
        refused = list(leaves(group))
    for error in refused:
        err.print(f"refused: {error}", markup=False)
    if refused:
        raise typer.Exit(USAGE)


def _settings(given: dict[str, Any]) -> SimSettings:
    """Read the options. Raises UnknownFault, ValueError."""
    pace_of(given["speed"])
    more = {
        "symbols": given["symbols"] or None,
        "faults": parse(given["faults"]),
        "spot_money": given["wallet"],
    }
    del given["fault_menu"]
    return msgspec.convert(given | more, SimSettings, strict=False)


def leaves(group: BaseExceptionGroup[Exception]) -> Iterator[Exception]:
    """Give what is in a group, out of all its nurseries."""
    for one in group.exceptions:
        if isinstance(one, BaseExceptionGroup):
            yield from leaves(one)
        else:
            yield one


async def _serve(settings: SimSettings) -> None:
    """Serve until a signal comes."""
    signals = (signal.SIGINT, signal.SIGTERM)
    with trio.open_signal_receiver(*signals) as received:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(serve_exchange, settings, _started)
            async for _ in received:
                nursery.cancel_scope.cancel()
                break
    out.print("the exchange is closed")


def _started(exchange: Exchange, port: int) -> None:
    """Say where everything is."""
    host = exchange.settings.host
    at = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    key = KEYS[0]
    counts = {str(venue): len(exchange.listed(venue)) for venue in Venue}
    chosen = exchange.settings
    listed = (
        f"spot {counts['spot']} symbols, USD-M {counts['usdm']},"
        f" market {chosen.market}, speed {chosen.speed}"
    )
    for line in (
        f"toy exchange     http://{at}   {listed}",
        f"REST             http://{at}/api/v3 and http://{at}/fapi/v1",
        f"streams          ws://{at}/stream (spot), ws://{at}/fstream/stream (USD-M)",
        f"API key, secret  {key.key} {key.secret}",
        f"look and meddle  http://{at}/sim/status /sim/truth /sim/faults",
        "no money is real here; Ctrl-C ends it",
    ):
        out.print(line, markup=False)
