"""Opens the market that was asked for and makes a pit of each of its symbols."""

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from actors.domain.bars import Instrument
from actors.domain.errors import MarketDataError
from actors.loopback.floor.pit import Pit, Venue
from actors.loopback.floor.recorded import Deal, Recording, Shown
from actors.loopback.floor.script import Beat, Minute, Script
from actors.loopback.settings import SimSettings
from actors.market.arrays import Floats
from actors.market.port import open_market

Event = Minute | Beat | Shown | Deal
BEAT_SECONDS = 0.5  # of the machine: how often a symbol moves
BEATS_MAX = 120  # a minute


class Play(Protocol):
    """A market as the floor plays it."""

    instruments: tuple[Instrument, ...]
    history: list[Floats]

    @property
    def start_ms(self) -> int:
        """When it begins, in its own time."""

    def events(self) -> Iterator[Event]:
        """Go through it once, in the order of time."""


def open_play(settings: SimSettings, speed: float | None) -> Play:
    """Open the market; `speed` None: it has no pace. Raises MarketDataError."""
    kind, _, path = settings.market.partition(":")
    if kind == "books":
        return Recording(Path(path), settings.symbols)
    market = open_market(settings.market, symbols=settings.symbols, seed=settings.seed)
    beats = 4 if speed is None else int(60 / speed / BEAT_SECONDS)
    return Script(
        market,
        beats_per_minute=min(BEATS_MAX, max(1, beats)),
        history_minutes=settings.history_minutes,
    )


def make_pits(play: Play, settings: SimSettings) -> list[tuple[Pit, ...]]:
    """Make the pits of each symbol of the market, at its own index."""
    pits = []
    for index, listed in enumerate(play.instruments):
        own = Venue.USDM if listed.shortable else Venue.SPOT
        venues = tuple(Venue) if settings.twins else (own,)
        made = tuple(Pit(venue, listed, settings.seed) for venue in venues)
        for pit in made:
            if index < len(play.history):
                pit.remember(play.history[index])
        pits.append(made)
    if not pits:
        msg = f"{settings.market}: no symbol in it"
        raise MarketDataError(msg)
    return pits
