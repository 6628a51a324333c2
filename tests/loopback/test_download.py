"""`breakout data download` at the loopback exchange: both ways, killed, stopped."""

import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import trio

from actors.domain.errors import MarketDataError
from control.shell.downloading import Wanted, download_all
from tests.loopback.client import Client, exchange

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
KEPT = 1_500  # minutes that the exchange has
SPAN = 12_000  # so far back is asked, in the test that needs many pages


class Run:
    """A command line, and what it is here."""

    def __init__(self, client: Client, out: Path, minutes: int, **more: str) -> None:
        config = out.parent / "settings.toml"
        config.write_text(f'[streams]\nrest_url = "http://127.0.0.1:{client.port}"\n')
        start_ms = client.exchange.clock.now_ms() - minutes * MINUTE_MS
        since = datetime.fromtimestamp(start_ms / 1e3, UTC).strftime("%Y-%m-%dT%H:%M")
        given = {"exchange": "binanceusdm", "since": since, "config": str(config)}
        self.given = given | more
        self.out = out
        self.said: list[str] = []
        self.partial = False

    def command(self) -> list[str]:
        words = [sys.executable, "-m", "control.cli", "data", "download"]
        for name, value in self.given.items():
            words += [f"--{name}", value]
        return [*words, "--out", str(self.out)]

    async def here(self) -> bool:
        usual = {"until": "", "symbols": "", "timeframe": "1m"}
        more: dict[str, Any] = usual | self.given
        more |= {"config": Path(self.given["config"]), "target": self.out}
        more["partial"] = self.partial
        self.said = []
        return await download_all(Wanted.read(**more), self.said.append)


def rows(path: Path) -> pl.DataFrame:
    return pl.read_parquet(path).sort("symbol", "ts")


async def test_both_ways_give_the_same_file_and_know_when_it_is_there(
    tmp_path: Path,
) -> None:
    async with exchange(history_minutes=KEPT) as client:
        hot = Run(client, tmp_path / "hot.parquet", 1_400)
        told = Run(
            client, tmp_path / "ccxt.parquet", 1_400, exchange="ccxt-binanceusdm"
        )
        for run in (hot, told):
            assert await run.here()
            assert "BTC/USDT:USDT: 1400 bars; missing: none" in run.said
            assert await run.here()
            assert "nothing was asked for" in run.said[0]
        assert rows(hot.out).equals(rows(told.out))
        assert len(rows(hot.out)) == 2 * 1_400
        hot.given["timeframe"] = "5m"
        with pytest.raises(MarketDataError, match="timeframe 1m, not 5m"):
            await hot.here()
        told.given["symbols"] = "1"
        with pytest.raises(MarketDataError, match="symbols None, not 1"):
            await told.here()


async def test_hours_are_those_of_the_minutes(tmp_path: Path) -> None:
    """Candles of another length come through ccxt, into a folder's files."""
    async with exchange(history_minutes=KEPT) as client:
        minutes = Run(client, tmp_path / "minutes.parquet", 1_400)
        hours = Run(client, tmp_path / "hours", 1_400, timeframe="1h", symbols="1")
        assert await minutes.here()
        assert await hours.here()
    (file,) = files(hours.out, "*.parquet")
    found = rows(file)
    assert len(found) in {22, 23}
    whole = (
        rows(minutes.out)
        .filter(pl.col("symbol") == found["symbol"][0])
        .group_by(pl.col("ts") // HOUR_MS * HOUR_MS, maintain_order=True)
        .agg(
            pl.len(), pl.first("open"), pl.max("high"), pl.min("low"), pl.last("close")
        )
        .filter(pl.col("len") == 60)
        .drop("len")
    )
    assert found.drop("symbol", "volume").equals(whole)


def files(folder: Path, pattern: str) -> list[Path]:
    return sorted(folder.glob(pattern))


async def test_a_download_that_is_killed_goes_on_where_it_was(tmp_path: Path) -> None:
    async with exchange(history_minutes=KEPT) as client:
        run = Run(client, tmp_path / "bars.parquet", SPAN)
        there = 0
        for by in (signal.SIGKILL, signal.SIGTERM, signal.SIGKILL):
            there = await stopped(run, by, there + 5)
        assert await run.here()
        first = next(line for line in run.said if "%: " in line)
        assert int(first.split()[1]) >= there, "nothing is fetched twice"
        assert any(f"missing: {SPAN - KEPT} before" in line for line in run.said)
        alone = Run(client, tmp_path / "alone.parquet", SPAN)
        alone.given["since"] = run.given["since"]
        assert await alone.here()
    found = rows(run.out)
    assert found.equals(rows(alone.out))
    assert len(found) == len(found.unique(["ts", "symbol"])) == 2 * KEPT


async def stopped(run: Run, by: signal.Signals, pages: int) -> int:
    """Stop a download once it has so many pages; how many there are then."""
    process: Any = await trio.lowlevel.open_process(
        run.command(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    with trio.fail_after(60):
        while lines(run.out) < pages and process.poll() is None:  # noqa: ASYNC110
            await trio.sleep(0.002)
        process.send_signal(by)
        await process.wait()
    assert process.returncode == (3 if by is signal.SIGTERM else -by)
    assert run.out.name not in names(run.out.parent)
    return lines(run.out)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def lines(out: Path) -> int:
    found = (out.parent / f"{out.name}.parts").glob("*.pages")
    return sum(path.read_bytes().count(b"\n") for path in found)


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("market.download.fetching", "exchange.ccxtrio.history"):
        monkeypatch.setattr(f"actors.{module}.PAUSE_SECONDS", 0.001)


@pytest.mark.parametrize("way", ["", "ccxt-"])
async def test_an_exchange_that_stumbles_gives_the_same_rows(
    way: str, hasty: None, tmp_path: Path
) -> None:
    """Answers that are no JSON, lines that break, errors: asked again until had."""
    async with exchange(history_minutes=KEPT) as client:
        clean = Run(client, tmp_path / "clean.parquet", 1_400)
        assert await clean.here()
        on = ("/fapi/v1/klines",)
        faults = {
            "garbage_body": {"chance": 0.3, "on": on},
            "connection_reset": {"chance": 0.2, "on": on},
            "error_before": {"chance": 0.2, "on": on},
        }
        await client.sim("POST", "faults", faults)
        run = Run(
            client, tmp_path / "bars.parquet", 1_400, exchange=f"{way}binanceusdm"
        )
        for _ in range(20):
            if await run.here():
                break
        fired = (await client.sim("GET", "faults"))["fired"]
    assert sum(fired.values()) >= 3, fired
    assert rows(run.out).equals(rows(clean.out))


@pytest.mark.parametrize("way", ["", "ccxt-"])
async def test_a_symbol_that_cannot_be_had_is_told_and_written_without_on_request(
    way: str, hasty: None, tmp_path: Path
) -> None:
    async with exchange(history_minutes=KEPT) as client:
        await client.sim("POST", "faults", {"error_before": {"on": ["ETHUSDT"]}})
        run = Run(client, tmp_path / "bars.parquet", 600, exchange=f"{way}binanceusdm")
        assert not await run.here()
        assert "ETH/USDT:USDT: 0 bars; missing: 600 failed" in run.said
        assert any(line.startswith("failed: ETH/USDT:USDT") for line in run.said)
        assert not names(tmp_path) & {"bars.parquet"}
        run.partial = True
        assert not await run.here()
    assert rows(run.out)["symbol"].unique().to_list() == ["BTC/USDT:USDT"]
    assert "nothing was asked for" in (await said_again(run))[0]


async def said_again(run: Run) -> list[str]:
    """Ask once more; the exchange is not there any more, nor needed."""
    await run.here()
    return run.said


async def test_what_cannot_be_downloaded_is_refused(tmp_path: Path) -> None:
    async with exchange(history_minutes=100) as client:
        for more, said in (
            ({"symbols": "NONE/USDT:USDT"}, "does not trade"),
            ({"timeframe": "7m"}, "whole candles"),
            ({"timeframe": "10m"}, "binanceusdm has no candles of 10m"),
            ({"until": "2020-01-01"}, "no 1m candle has closed"),
            ({"exchange": "krakn"}, "kraken"),
        ):
            with pytest.raises(MarketDataError, match=said):
                await Run(client, tmp_path / "x.parquet", 50, **more).here()
        assert names(tmp_path) == {"settings.toml"}
        refused = Run(client, tmp_path / "x.parquet", 50, since="yesterday")
        done = await trio.run_process(
            refused.command(), capture_stderr=True, check=False
        )
        assert done.returncode == 2
        assert b"--since is 'yesterday'" in done.stderr
