"""Keeps the paper exchange in a file, so that it outlives the engine that uses it.

One transaction for each thing that happens, in the event loop: with a write-ahead log
and synchronous=NORMAL none of them waits for the disk, and the end of the process at
any moment loses nothing that was answered or told. A power cut may lose the last ones;
the journal, which waits for the disk, is what we would then know better.

The file holds what is: the newest state of live orders, positions, prices and laid-out
bars. Fills and the last words on ended orders are kept for ever.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import apsw
import msgspec

from actors.domain.errors import ExchangeError
from actors.domain.orders import ExchangeUpdate, Fill, OrderState, OrderUpdate
from actors.exchange.paper.account import PaperOrder, PaperPosition, PaperState
from actors.exchange.paper.liquidity import LiquidityState
from actors.exchange.paper.matching import Market

APPLICATION_ID = 0x62726B70  # "brkp" in the file's header: this file is an account
SCHEMA_VERSION = 1
BUSY_TIMEOUT_MS = 1_000
ENDED = frozenset({OrderState.FILLED, OrderState.CANCELLED})

SCHEMA = """
CREATE TABLE account (
    identity TEXT NOT NULL, account_serial INTEGER NOT NULL,
    cash TEXT NOT NULL, serial INTEGER NOT NULL, now_ms INTEGER NOT NULL
) STRICT;
CREATE TABLE orders (client_id TEXT PRIMARY KEY, body TEXT NOT NULL) STRICT;
CREATE TABLE ended (client_id TEXT PRIMARY KEY, body TEXT NOT NULL) STRICT;
CREATE TABLE fills (trade_id TEXT PRIMARY KEY, body TEXT NOT NULL) STRICT;
CREATE TABLE positions (symbol TEXT PRIMARY KEY, body TEXT NOT NULL) STRICT;
CREATE TABLE marks (symbol TEXT PRIMARY KEY, price REAL NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE markets (symbol TEXT PRIMARY KEY, body BLOB NOT NULL) STRICT;
"""

_UPSERT = (
    "INSERT INTO {table} VALUES (?, ?) "
    "ON CONFLICT DO UPDATE SET {column} = excluded.{column}"
)
_SAVE_ORDER = _UPSERT.format(table="orders", column="body")
_SAVE_POSITION = _UPSERT.format(table="positions", column="body")
_SAVE_MARK = _UPSERT.format(table="marks", column="price")
_SAVE_MARKET = _UPSERT.format(table="markets", column="body")

_encode = msgspec.json.Encoder().encode
_pack = (
    msgspec.msgpack.Encoder().encode
)  # its floats know UNKNOWN; those of JSON do not


class AccountIdentity(msgspec.Struct, frozen=True):
    """Which market an account belongs to: its orders mean nothing in another one."""

    engine: str
    market: str
    seed: int | None  # None: the market is not made from one
    timeframe_ms: int
    symbols: str  # how many, and a hash of their names


class Changes(msgspec.Struct):
    """What is not on the disk yet; each symbol with its market."""

    orders: dict[str, Market] = {}  # their live orders and positions
    liquidity: dict[str, Market] = {}  # their bars, and what was taken from their books
    bars_closed: bool = False  # those of `liquidity` are all that is left of the bars
    marks: dict[str, float] = {}
    updates: list[ExchangeUpdate] = []


class Remembered(msgspec.Struct, frozen=True):
    """What a file gave back."""

    state: PaperState
    now_ms: int
    markets: dict[str, LiquidityState]


class PaperStore:
    """The file of one paper account; one process at a time may have it open."""

    def __init__(self, path: Path) -> None:
        """Open the file, or make it.

        Raises ExchangeError: it is not a paper account's, comes from a newer engine,
        is open elsewhere, or cannot be read or written.
        """
        self._path = path
        with self._translated("open"):
            self._database = apsw.Connection(str(path))
            try:
                self._prepare()
            except BaseException:
                self._database.close()
                raise

    def _prepare(self) -> None:
        database = self._database
        database.set_busy_timeout(BUSY_TIMEOUT_MS)
        # Before the first access: the lock is then held until the process ends.
        database.execute("PRAGMA locking_mode = EXCLUSIVE")
        empty = not database.execute("SELECT count(*) FROM sqlite_schema").get
        if not empty:
            self._check()
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = NORMAL")
        with database:  # a read would share the file: writing takes it for us alone
            if empty:
                database.execute(SCHEMA)
                database.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            database.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")

    def _check(self) -> None:
        application = self._database.execute("PRAGMA application_id").get
        if application != APPLICATION_ID:
            message = (
                f"{self._path} is an SQLite file but no paper account (application id "
                f"{application:#x}, expected {APPLICATION_ID:#x}); name another "
                "--data-dir"
            )
            raise ExchangeError(message)
        version = self._database.execute("PRAGMA user_version").get
        if version > SCHEMA_VERSION:
            message = (
                f"{self._path} has schema version {version}, this engine reads up to "
                f"{SCHEMA_VERSION}; start the newer engine or name another --data-dir"
            )
            raise ExchangeError(message)

    def close(self) -> None:
        """Let the file go; what was saved is in it."""
        self._database.close()

    # --- reading --------------------------------------------------------------------

    @property
    def account_serial(self) -> int:
        """The number of the account in the file; 0: there is none yet."""
        return self._get("SELECT account_serial FROM account") or 0

    @property
    def identity(self) -> AccountIdentity:
        """Which market the account belongs to."""
        found = self._get("SELECT identity FROM account")
        return msgspec.json.decode(found, type=AccountIdentity)

    def load(self, fills_kept: int) -> Remembered:
        """Read everything back; of fills and ended orders the newest `fills_kept`."""
        with self._translated("read"):
            read = self._database.execute
            serial, cash, orders_taken, now_ms = read(
                "SELECT account_serial, cash, serial, now_ms FROM account"
            ).get
            state = PaperState(Decimal(cash), serial, orders_taken)
            for name, kind in (("orders", PaperOrder), ("positions", PaperPosition)):
                rows = read(f"SELECT * FROM {name} ORDER BY rowid")  # noqa: S608  # the name is ours
                found = {
                    key: msgspec.json.decode(body, type=kind) for key, body in rows
                }
                setattr(state, name, found)
            state.marks = dict(read("SELECT symbol, price FROM marks"))
            newest = "SELECT body FROM {} ORDER BY rowid DESC LIMIT ?"
            for (body,) in read(newest.format("ended"), (fills_kept,)):
                word = msgspec.json.decode(body, type=OrderUpdate)
                state.ended[word.client_id] = word
            state.ended = dict(reversed(state.ended.items()))
            fills = read(newest.format("fills"), (fills_kept,))
            state.fills = [msgspec.json.decode(body, type=Fill) for (body,) in fills]
            state.fills.reverse()
            markets = {
                symbol: msgspec.msgpack.decode(body, type=LiquidityState)
                for symbol, body in read("SELECT symbol, body FROM markets")
            }
        return Remembered(state, now_ms, markets)

    def last_word(self, client_id: str) -> OrderUpdate | None:
        """Return the last word on an ended order, however long ago it ended."""
        body = self._get("SELECT body FROM ended WHERE client_id = ?", client_id)
        return None if body is None else msgspec.json.decode(body, type=OrderUpdate)

    def _get(self, query: str, *given: Any) -> Any:
        with self._translated("read"):
            return self._database.execute(query, given).get

    # --- writing --------------------------------------------------------------------

    def begin(self, identity: AccountIdentity, serial: int, cash: Decimal) -> None:
        """Open an account in an empty file."""
        with self._translated("write"):
            self._database.execute(
                "INSERT INTO account VALUES (?, ?, ?, 0, 0)",
                (_encode(identity).decode(), serial, str(cash)),
            )

    def save(self, state: PaperState, now_ms: int, changes: Changes) -> None:
        """Write what changed, all of it or none."""
        with self._translated("write"):
            self._database.execute("BEGIN")
            try:
                self._save(state, now_ms, changes)
                self._database.execute("COMMIT")
            finally:
                if self._database.in_transaction:
                    self._database.execute("ROLLBACK")

    def _save(self, state: PaperState, now_ms: int, changes: Changes) -> None:
        write, write_all = self._database.execute, self._database.executemany
        write(
            "UPDATE account SET cash = ?, serial = ?, now_ms = ?",
            (str(state.cash), state.serial, now_ms),
        )
        if changes.bars_closed:
            write("DELETE FROM markets")
        if changes.marks:
            write_all(_SAVE_MARK, tuple(changes.marks.items()))
        for symbol, market in changes.liquidity.items():
            write(_SAVE_MARKET, (symbol, _pack(market.liquidity.snapshot())))
        for update in changes.updates:
            self._save_update(update)
        for symbol, market in changes.orders.items():
            self._save_position(symbol, state.positions.get(symbol))
            for client_id, order in market.orders.items():
                write(_SAVE_ORDER, (client_id, _encode(order).decode()))

    def _save_update(self, update: ExchangeUpdate) -> None:
        write, body = self._database.execute, _encode(update).decode()
        if isinstance(update, Fill):
            write("INSERT INTO fills VALUES (?, ?)", (update.trade_id, body))
        elif update.state in ENDED:
            write("DELETE FROM orders WHERE client_id = ?", (update.client_id,))
            write("INSERT INTO ended VALUES (?, ?)", (update.client_id, body))

    def _save_position(self, symbol: str, held: PaperPosition | None) -> None:
        if held is None:
            one = (symbol,)
            self._database.execute("DELETE FROM positions WHERE symbol = ?", one)
        else:
            self._database.execute(_SAVE_POSITION, (symbol, _encode(held).decode()))

    @contextmanager
    def _translated(self, act: str) -> Iterator[None]:
        try:
            yield
        except apsw.BusyError as error:
            message = (
                f"the paper account {self._path} is open in another process; "
                "stop that one or name another --data-dir"
            )
            raise ExchangeError(message) from error
        except apsw.NotADBError as error:
            message = f"{self._path} is no paper account; name another --data-dir"
            raise ExchangeError(message) from error
        except apsw.Error as error:
            message = (
                f"cannot {act} the paper account {self._path}: {error}; check the disk "
                "and the permissions of the file and its directory"
            )
            raise ExchangeError(message) from error
