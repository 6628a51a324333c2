"""What `breakout data download` does: finds the exchange, plans, fetches, reports."""

import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Self

import msgspec

from actors.domain.errors import MarketDataError
from actors.exchange.gate import Bans, Gate, terms_of
from actors.market.download.fetching import Download, log_of
from actors.market.download.gaps import SymbolReport, report
from actors.market.download.place import Place, differences
from actors.market.download.plan import DownloadPlan, moment, moment_ms
from actors.market.live.dialect import Dialect, questions
from actors.market.live.exchanges import DIALECTS
from actors.market.live.foreign import foreign
from actors.market.live.opening import list_symbols
from actors.market.live.repair import Fetch
from actors.market.live.rest import public_rest
from actors.market.live.time import ExchangeTime
from actors.runtime.clock import WallClock
from config.settings import StreamGroup
from config.sources import load_settings
from control.shell.options import UNITS_MS, wanted_symbols
from control.shell.signals import interruptible
from control.shell.ways import VIA_CCXT, alarm, ccxt_gate

MINUTE, DAY_MS = "1m", 86_400_000
#: Pages of ccxt's exchanges: many give so many at once, the others in several answers.
FOREIGN_PAGE_BARS = 1_000
GAPS_SHOWN_MAX = 5

Say = Callable[[str], None]


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What the command line asked for."""

    exchange: str
    symbols: int | tuple[str, ...] | None
    timeframe: str
    bar_ms: int
    start_ms: int
    stop_ms: int | None
    target: Path
    where: StreamGroup
    partial: bool

    @classmethod
    def read(  # noqa: PLR0913 - the options, by their names
        cls,
        *,
        exchange: str,
        since: str,
        until: str,
        symbols: str,
        timeframe: str,
        target: Path,
        config: Path | None,
        partial: bool,
    ) -> Self:
        """Read the options. MarketDataError, ConfigError."""
        number, unit = timeframe[:-1], timeframe[-1:]
        sound = number.isascii() and number.isdigit() and unit in UNITS_MS
        bar_ms = int(number) * UNITS_MS[unit] if sound else 0
        if not bar_ms or DAY_MS % bar_ms:
            msg = (
                f"--timeframe is {timeframe!r}; a day has whole candles: 1m, 5m, 1h, 1d"
            )
            raise MarketDataError(msg)
        start, stop = moment_ms(since, "--since"), None
        if until:
            stop = moment_ms(until, "--until") // bar_ms * bar_ms
        return cls(
            exchange=exchange,
            symbols=wanted_symbols(symbols),
            timeframe=timeframe,
            bar_ms=bar_ms,
            start_ms=-(-start // bar_ms) * bar_ms,
            stop_ms=stop,
            target=target,
            where=load_settings(config, os.environ, {}).streams,
            partial=partial,
        )

    def fits(self, plan: DownloadPlan) -> bool:
        """Whether a plan that was written down is this one."""
        return (
            self.symbols == plan.asked
            and (self.exchange, self.timeframe) == (plan.exchange, plan.timeframe)
            and self.start_ms == plan.start_ms
            and self.stop_ms in {None, plan.stop_ms}
        )


async def download_until_stopped(wanted: Wanted, say: Say) -> bool:
    """Download until SIGINT or SIGTERM, after which the same command goes on."""
    whole = False
    async with interruptible() as scope:
        with scope:
            whole = await download_all(wanted, say)
    if scope.cancelled_caught:
        say("stopped; the same command goes on from here")
    return whole


async def download_all(wanted: Wanted, say: Say) -> bool:
    """Download; False: not all could be had.

    Raises MarketDataError and ExchangeError for what cannot be begun.
    """
    place = Place(wanted.target)
    place.sweep()
    done = place.finished()
    if done is not None:
        _check_fits(wanted, done.plan, place.target)
        say(f"{place.target} is there already; nothing was asked for")
        _tell(done.reports, say)
        return True
    with place.held():
        async with _way(wanted) as (dialect, fetch):
            plan = place.begun()
            if plan is None:
                plan = await _plan(wanted, dialect, fetch)
                place.begin(plan)
            _check_fits(wanted, plan, place.room)
            say(
                f"{plan.exchange}: {len(plan.symbols)} symbols, {plan.timeframe}, "
                f"{moment(plan.start_ms)} to {moment(plan.stop_ms)} UTC, "
                f"{plan.page_count} pages"
            )
            told = _Progress(say)
            run = Download(
                plan, place.room, dialect.rest, fetch, told, WallClock().now_ms
            )
            await run.run()
        reports = _reports(place.room, plan)
        _tell(reports, say)
        for problem in run.problems[:GAPS_SHOWN_MAX]:
            say(f"failed: {problem}")
        if run.problems and not wanted.partial:
            say(f"{len(run.problems)} pages failed; the same command asks again")
            return False
        if not sum(one.bars for one in reports):
            msg = f"{plan.exchange} has no candle of these symbols in this time"
            raise MarketDataError(msg)
        place.finish(plan, reports)
        say(f"{place.target}: --market replay:{place.target}")
    return not run.problems


def _check_fits(wanted: Wanted, plan: DownloadPlan, where: Path) -> None:
    if wanted.fits(plan):
        return
    ours = msgspec.structs.replace(
        plan,
        exchange=wanted.exchange,
        timeframe=wanted.timeframe,
        asked=wanted.symbols,
        start_ms=wanted.start_ms,
        stop_ms=wanted.stop_ms or plan.stop_ms,
    )
    what = differences(plan, ours)
    msg = (
        f"{where} is of another download ({what}); give its options, choose "
        "another --out, or remove it"
    )
    raise MarketDataError(msg)


async def _plan(wanted: Wanted, dialect: Dialect, fetch: Fetch) -> DownloadPlan:
    """Choose symbols and pages; nothing is asked for that has not closed yet."""
    listed = await list_symbols(dialect, wanted.symbols, questions(fetch))
    now_ms = await ExchangeTime(dialect, fetch).fetch_time()
    closed_ms = now_ms // wanted.bar_ms * wanted.bar_ms
    plan = DownloadPlan(
        exchange=wanted.exchange,
        timeframe=wanted.timeframe,
        bar_ms=wanted.bar_ms,
        asked=wanted.symbols,
        symbols=tuple(one.instrument.symbol for one in listed),
        natives=tuple(one.native for one in listed),
        start_ms=wanted.start_ms,
        stop_ms=min(wanted.stop_ms or closed_ms, closed_ms),
        page_bars=dialect.rest.candles_per_ask,
    )
    plan.check()
    return plan


@asynccontextmanager
async def _way(wanted: Wanted) -> AsyncIterator[tuple[Dialect, Fetch]]:
    """Find how the exchange is asked: as a hot dialect does, else through ccxt."""
    name = wanted.exchange
    # A ban holds for an address, whoever asks: it is kept beside what is fetched.
    bans = Bans(wanted.target.with_name("bans.json"), WallClock())
    if name in DIALECTS and wanted.timeframe == MINUTE:
        dialect = DIALECTS[name]
        gate = Gate(terms_of(name), bans, bans.clock, alarm)
        async with public_rest(dialect, gate, wanted.where.rest_url) as rest:
            yield dialect, rest
        return
    from control.shell.foreign import joined  # noqa: PLC0415 - it loads ccxt

    ccxt_name = CCXT_NAMES.get(name, name.removeprefix(VIA_CCXT))
    gate = ccxt_gate(name if name in DIALECTS else ccxt_name, bans)
    async with joined(ccxt_name, wanted.where, gate) as one:
        one.side.check_timeframe(wanted.timeframe)
        one.timeframe, one.marks_damage = wanted.timeframe, True
        yield foreign(name, FOREIGN_PAGE_BARS), one


#: Hot dialects by ccxt's names, for candles of another length than a minute.
CCXT_NAMES = {
    "bybit": "bybit-swap",
    "bybitspot": "bybit-spot",
    "okx": "okx-swap",
    "okxspot": "okx-spot",
}


class _Progress:
    """Says how far it is, at each twentieth."""

    def __init__(self, say: Say) -> None:
        self._say = say
        self._said = -1

    def __call__(self, done: int, of: int, failed: int) -> None:
        share = 20 * done // of
        if share != self._said:
            self._said = share
            more = f", {failed} failed" if failed else ""
            self._say(f"{5 * share}%: {done} of {of} pages{more}")


def _reports(room: Path, plan: DownloadPlan) -> tuple[SymbolReport, ...]:
    return tuple(
        report(plan, symbol, log_of(room, plan, symbol).pages())
        for symbol in plan.symbols
    )


def _tell(reports: tuple[SymbolReport, ...], say: Say) -> None:
    """Print each symbol's line, and its first gaps."""
    for one in reports:
        missing = ", ".join(f"{n} {why}" for why, n in one.missing.items() if n)
        say(f"{one.symbol}: {one.bars} bars; missing: {missing or 'none'}")
        for gap in one.gaps[:GAPS_SHOWN_MAX]:
            say(f"  {gap}")
        if len(one.gaps) > GAPS_SHOWN_MAX:
            say(f"  and {len(one.gaps) - GAPS_SHOWN_MAX} more gaps")
