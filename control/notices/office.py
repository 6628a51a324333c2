"""The office: takes the engine's facts, and sends letters without ever slowing trading.

`publish` is called in the engine's own turn, so it only sorts a notice into bounded
piles. One task for each channel sends, with a deadline, and pauses longer and longer
while its channel fails. An outage is told once, as an alert of the engine (which goes
to the other channels too), and so is its end.
"""

from collections.abc import Awaitable, Callable

import msgspec
import structlog
import trio

from actors.domain.messages import Published
from actors.domain.severity import Severity
from actors.runtime.clock import Clock
from config.outside import NoticesGroup
from control.alarm import Alarm
from control.notices.channels import Channel
from control.notices.letter import Letter, Notice, notice_of, write_letter
from control.notices.pile import DAY_MINUTES, Pile, is_quiet

MINUTE_MS = 60_000
LAST_WORD_SECONDS = 5.0

log = structlog.get_logger(component="notices")


class DeskStatistics(msgspec.Struct, frozen=True):
    """One channel at a glance."""

    tag: str
    sent: int
    failed: int  # tries
    failing: bool
    waiting: int
    repeated: int
    dropped: int


class ChannelDesk:
    """One channel, its pile, and how its sending goes."""

    def __init__(self, channel: Channel, settings: NoticesGroup) -> None:
        self.channel = channel
        self.pile = Pile(settings, channel.minimum)
        self.bell = trio.Event()
        self.in_hand: tuple[Notice, ...] = ()
        self.left_out = 0  # as the letter in hand says
        self.sent = 0
        self.failed = 0
        self.pause_seconds = 0.0  # 0: it works

    def take(self, minute: int) -> bool:
        """Take in hand what is due; False: nothing is."""
        self.in_hand, self.left_out = self.pile.take(trio.current_time(), minute)
        return bool(self.in_hand)

    def put_back(self) -> None:
        """Put what is in hand back on the pile."""
        self.pile.put_back(self.in_hand, self.left_out)
        self.in_hand, self.left_out = (), 0

    def statistics(self) -> DeskStatistics:
        """Return a frozen snapshot of the counts."""
        pile = self.pile.statistics()
        return DeskStatistics(
            tag=self.channel.tag,
            sent=self.sent,
            failed=self.failed,
            failing=self.pause_seconds > 0,
            waiting=pile.waiting,
            repeated=pile.repeated,
            dropped=pile.dropped,
        )


class Office:
    """Implements `views.Publisher`; `run` is its one task and may be run again."""

    def __init__(
        self,
        channels: tuple[Channel, ...],
        settings: NoticesGroup,
        *,
        sender: str,
        wall: Clock,
        alarm: Alarm,
    ) -> None:
        self._settings = settings
        self._sender = sender
        self._wall = wall
        self._alarm = alarm
        self._desks = tuple(ChannelDesk(channel, settings) for channel in channels)

    # --- the engine's side -------------------------------------------------------

    @property
    def watched(self) -> bool:
        """A person wants to know at once: facts are written without delay."""
        return bool(self._desks)

    def publish(self, fact: Published) -> None:
        """Sort one fact into the piles: no waiting, no sending, no error."""
        notice = notice_of(fact)
        if notice is not None:
            self.tell(notice)

    def tell(self, notice: Notice) -> None:
        """Have every channel told that wants to hear it."""
        now = trio.current_time()
        for desk in self._desks:
            if desk.pile.put(notice, now):
                desk.bell.set()

    def statistics(self) -> tuple[DeskStatistics, ...]:
        """Return each channel's counts."""
        return tuple(desk.statistics() for desk in self._desks)

    # --- the office's own task ---------------------------------------------------

    async def run(self) -> None:
        """Send for ever."""
        async with trio.open_nursery() as nursery:
            for desk in self._desks:
                nursery.start_soon(self._serve, desk)
            await trio.sleep_forever()

    async def _serve(self, desk: ChannelDesk) -> None:
        desk.put_back()  # of an earlier life
        while True:
            desk.bell = trio.Event()
            if not desk.take(self._minute()):
                await self._wait(desk)
                continue
            letter = write_letter(self._sender, desk.in_hand, desk.left_out)
            await self._send(desk, letter)

    async def _wait(self, desk: ChannelDesk) -> None:
        seconds = desk.pile.seconds_to_wait(trio.current_time(), self._minute())
        with trio.move_on_after(seconds):
            await desk.bell.wait()

    async def _send(self, desk: ChannelDesk, letter: Letter) -> None:
        """Try a few times; then give up the letter, keep what matters, and pause."""
        tries = 1 if desk.pause_seconds else self._settings.attempts_max
        pause = self._settings.retry_seconds
        for number in range(tries):
            if number:
                await trio.sleep(pause)
                pause *= 2
            if await self._try(desk, letter):
                desk.in_hand, desk.left_out = (), 0
                self._worked(desk)
                await trio.sleep(self._settings.gap_seconds)
                return
        desk.put_back()
        self._fails(desk, pause)
        await trio.sleep(desk.pause_seconds)

    async def _try(self, desk: ChannelDesk, letter: Letter) -> bool:
        with trio.move_on_after(self._settings.send_seconds_max):
            if await desk.channel.deliver(letter):
                desk.sent += 1
                return True
        desk.failed += 1
        return False

    def _worked(self, desk: ChannelDesk) -> None:
        if desk.pause_seconds:
            desk.pause_seconds = 0.0
            text = f"notices to {desk.channel.tag!r} are taken again"
            self._alarm(text, Severity.INFO, "what waited was sent")

    def _fails(self, desk: ChannelDesk, pause: float) -> None:
        if not desk.pause_seconds:
            text = f"notices to {desk.channel.tag!r} are not taken"
            did = "tried again, less and less often; trading goes on"
            self._alarm(text, Severity.WARNING, did)
        longest = self._settings.pause_seconds_max
        desk.pause_seconds = min(max(desk.pause_seconds * 2, pause), longest)

    def _minute(self) -> int:
        return self._wall.now_ms() // MINUTE_MS % DAY_MINUTES

    # --- at the very end ---------------------------------------------------------

    async def last_word(self, text: str) -> None:
        """Tell every channel that the engine has ended itself, whatever else waits."""
        now_ms = self._wall.now_ms()
        letter = write_letter(self._sender, [Notice(Severity.CRITICAL, text, now_ms)])
        await self._at_last(lambda desk: self._try(desk, letter))

    async def send_rest(self) -> None:
        """Send what still waits, the digest too; in quiet hours what is critical."""
        await self._at_last(self._send_rest)

    async def _send_rest(self, desk: ChannelDesk) -> None:
        if is_quiet(self._settings.quiet, self._minute()):
            desk.put_back()  # else what was in hand goes first, as it was
        desk.pile.hurry(trio.current_time())
        while desk.in_hand or desk.take(self._minute()):
            letter = write_letter(self._sender, desk.in_hand, desk.left_out)
            if not await self._try(desk, letter):
                return
            desk.in_hand, desk.left_out = (), 0

    async def _at_last(self, do: Callable[[ChannelDesk], Awaitable[object]]) -> None:
        with trio.move_on_after(LAST_WORD_SECONDS, shield=True):
            async with trio.open_nursery() as nursery:
                for desk in self._desks:
                    nursery.start_soon(do, desk)
