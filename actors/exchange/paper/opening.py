"""Opens the paper account of one place: its own one again, or a fresh one."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from hashlib import blake2b
from pathlib import Path

import msgspec

from actors.domain.bars import MarketDescription
from actors.domain.errors import ExchangeError
from actors.exchange.paper.store import AccountIdentity, PaperStore

#: The symbols of an account at an exchange, which lists and delists.
ANY = "any symbols"


def account_identity(
    engine: str, market: MarketDescription, seed: int
) -> AccountIdentity:
    """Name what an account belongs to; only an endless market is made from a seed."""
    names = "\n".join(instrument.symbol for instrument in market.instruments)
    digest = blake2b(names.encode(), digest_size=4).hexdigest()
    count = f"{len(market.instruments)} symbols ({digest})"
    return AccountIdentity(
        engine=engine,
        market=market.name,
        seed=seed if market.end_ms is None else None,
        timeframe_ms=market.timeframe_ms,
        symbols=ANY if market.lists_change else count,
    )


@contextmanager
def open_account(
    path: Path, identity: AccountIdentity, deposit: Decimal, *, fresh: bool = False
) -> Iterator[PaperStore]:
    """Open the account in the file `path` for the block, or begin one.

    `fresh`: put the file aside (under its name and the account's number) and begin
    the next account.

    Raises ExchangeError: the account belongs to another market or engine; and see
    PaperStore.
    """
    if fresh and path.exists():
        _put_aside(path)
    store = PaperStore(path)
    try:
        if store.account_serial == 0:
            store.begin(identity, _newest_aside(path) + 1, deposit)
        _check(path, store.identity, identity)
        yield store
    finally:
        store.close()


def _check(path: Path, known: AccountIdentity, wanted: AccountIdentity) -> None:
    ours, theirs = (msgspec.structs.asdict(one) for one in (wanted, known))
    differing = [n for n in ours if ours[n] != theirs[n] and ours[n] != ANY]
    if not differing:
        return
    said = "; ".join(f"{n} {theirs[n]}, not {ours[n]}" for n in differing)
    message = (
        f"the paper account {path} belongs to {said}; begin a new account with "
        "--fresh (the old one is kept aside) or name another --data-dir"
    )
    raise ExchangeError(message)


def _put_aside(path: Path) -> None:
    """Rename the account's file; nothing that is there is overwritten."""
    store = PaperStore(path)  # also proves that nobody has it open
    serial = store.account_serial
    store.close()  # folds the write-ahead log in
    if serial == 0:
        return
    aside = path.with_name(f"{path.stem}-{serial}{path.suffix}")
    if aside.exists():
        message = f"{aside} is there already; move it away before --fresh"
        raise ExchangeError(message)
    path.rename(aside)


def _newest_aside(path: Path) -> int:
    """Return the highest number of an account that was put aside; 0: none was."""
    pattern = re.compile(rf"{re.escape(path.stem)}-(\d+){re.escape(path.suffix)}")
    found = (pattern.fullmatch(one.name) for one in path.parent.iterdir())
    return max((int(match[1]) for match in found if match), default=0)
