"""Where a download is: a room of pages beside its target until all is there.

`OUT.parts` holds the plan and the pages. When all is there, the target is made beside
its place and renamed into it, the room is renamed away, and only then removed: at every
moment there is either a room from which it goes on, or the whole target.
"""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import numpy as np
import polars as pl

from actors.domain.errors import MarketDataError
from actors.market.download.fetching import file_name, log_of
from actors.market.download.gaps import SymbolReport
from actors.market.download.plan import DownloadPlan, moment

COLUMNS = ("ts", "open", "high", "low", "close", "volume")


class Finished(msgspec.Struct, frozen=True):
    """What stands beside a finished download: what it is, and what is missing."""

    plan: DownloadPlan
    reports: tuple[SymbolReport, ...]


class Place:
    """The target and its room."""

    def __init__(self, target: Path) -> None:
        if target.suffix == ".csv" or not target.name:
            msg = f"{target}: a download is a .parquet file or a folder of them"
            raise MarketDataError(msg)
        self.target = target
        self.is_file = target.suffix == ".parquet"
        self.room = target.with_name(f"{target.name}.parts")
        self._gone = target.with_name(f"{target.name}.parts.old")
        self._making = target.with_name(f"{target.name}.tmp")
        self._plan = self.room / "plan.json"

    def finished(self) -> Finished | None:
        """Read what stands beside a target that is there. MarketDataError: nothing."""
        if not self.target.exists():
            return None
        try:
            return msgspec.json.decode(
                self._beside(self.target).read_bytes(), type=Finished
            )
        except (OSError, msgspec.DecodeError) as error:
            msg = f"{self.target} is there and is no finished download ({error}); "
            msg += "move it away or choose another --out"
            raise MarketDataError(msg) from error

    def begun(self) -> DownloadPlan | None:
        """Read the plan of a download that was begun here. MarketDataError."""
        try:
            return msgspec.json.decode(self._plan.read_bytes(), type=DownloadPlan)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.DecodeError) as error:
            msg = f"{self._plan} cannot be read ({error}); remove {self.room}"
            raise MarketDataError(msg) from error

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep the room for one process. MarketDataError: another has it."""
        self.room.mkdir(parents=True, exist_ok=True)
        with (self.room / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                msg = f"another process downloads to {self.target}; let it end"
                raise MarketDataError(msg) from error
            try:
                yield
            finally:
                if not self._plan.exists():
                    remove(self.room)  # nothing was begun, or all is done

    def begin(self, plan: DownloadPlan) -> None:
        """Write the plan down."""
        making = self._plan.with_suffix(".tmp")
        _write(making, msgspec.json.encode(plan))
        making.rename(self._plan)

    def finish(self, plan: DownloadPlan, reports: tuple[SymbolReport, ...]) -> None:
        """Make the target of the pages, and let the room go."""
        remove(self._making)
        if not self.is_file:
            self._making.mkdir()
        frames = []
        for symbol in plan.symbols:
            frame = _frame(self.room, plan, symbol)
            if self.is_file:
                frames.append(frame)
            elif len(frame):
                number = plan.symbols.index(symbol)
                name = f"{file_name(symbol)}-{number:04}.parquet"
                _write_frame(frame, self._making / name)
        if self.is_file:
            _write_frame(pl.concat(frames), self._making)
        beside = self._beside(self.target if self.is_file else self._making)
        _write(beside, msgspec.json.encode(Finished(plan, reports)))
        self._making.rename(self.target)
        _sync(self.target.parent)
        self.room.rename(self._gone)
        self.sweep()

    def sweep(self) -> None:
        """Remove what an end that was cut short has left behind."""
        remove(self._gone)
        if self.target.exists() and self.room.exists():
            with self.held():
                self._plan.unlink(missing_ok=True)  # then the room goes as well

    def _beside(self, target: Path) -> Path:
        if self.is_file:
            return target.with_name(f"{target.name}.json")
        return target / "download.json"


def remove(path: Path) -> None:
    """Remove a file or a folder; nothing is there: good."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _frame(room: Path, plan: DownloadPlan, symbol: str) -> pl.DataFrame:
    """Read a symbol's pages as the columns that a replay reads, oldest first."""
    rows = [row for page in log_of(room, plan, symbol).pages() for row in page.rows]
    table = np.array(
        rows, dtype=[("ts", "i8"), *((name, "f8") for name in COLUMNS[1:])]
    )
    table = table[np.unique(table["ts"], return_index=True)[1]]
    columns = {name: table[name] for name in COLUMNS}
    frame = pl.DataFrame(columns, schema_overrides={"ts": pl.Int64})
    return frame.with_columns(symbol=pl.lit(symbol, pl.String)).select(
        "ts", "symbol", *COLUMNS[1:]
    )


def _write_frame(frame: pl.DataFrame, path: Path) -> None:
    frame.write_parquet(path)
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    """Have the names in a folder on the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def differences(known: DownloadPlan, wanted: DownloadPlan) -> str:
    """Say in which of its options a plan is another."""
    parts = []
    for name in ("exchange", "timeframe", "asked"):
        ours, theirs = getattr(wanted, name), getattr(known, name)
        if ours != theirs:
            parts.append(f"{name.replace('asked', 'symbols')} {theirs}, not {ours}")
    for name, option in (("start_ms", "since"), ("stop_ms", "until")):
        ours, theirs = getattr(wanted, name), getattr(known, name)
        if ours != theirs:
            parts.append(f"{option} {moment(theirs)}, not {moment(ours)}")
    return "; ".join(parts)
