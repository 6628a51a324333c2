"""The channels of notices: read from a secret, fenced by a list, sent by apprise.

apprise speaks to a hundred services and blocks while it does, so it works in a thread,
one for each channel: a channel that hangs holds up nobody, not even another channel.
"""

import importlib
import logging
import re
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import structlog
import trio

from actors.domain.severity import Severity
from config.errors import SettingsError
from config.outside import NoticesGroup
from config.secrets import Secret
from control.notices.letter import Letter

CHANNELS_MAX = 8
_TAGGED = re.compile(r"([a-z0-9_-]{1,20})=(.+)", re.DOTALL)
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]{0,31})://", re.IGNORECASE)

#: Sends one letter; False: it was not taken.
Deliver = Callable[[Letter], Awaitable[bool]]

log = structlog.get_logger(component="notices")


class Channel(msgspec.Struct, frozen=True):
    """One way to people: its name, the least severity it is told, and how to send."""

    tag: str
    minimum: Severity
    deliver: Deliver


def open_channels(settings: NoticesGroup, urls: Secret | None) -> tuple[Channel, ...]:
    """Make the channels; none without urls, and none while no scheme is allowed.

    Raises SettingsError for a url that cannot be used and for a scheme that is not on
    the list; no message ever shows a url.
    """
    minimums = _minimums(settings)
    if urls is None:
        return ()
    allowed = allowed_schemes(settings)
    if not allowed:
        log.warning("notices_closed", did="notices.schemes is empty: nothing is sent")
        return ()
    found = _tagged(urls.reveal())
    unknown = sorted(minimums.keys() - found.keys())
    if unknown:
        msg = (
            f"notices.channels names {', '.join(unknown)}; the urls have the tags "
            f"{', '.join(found)}"
        )
        raise SettingsError(msg)
    default = Severity(settings.minimum)
    return tuple(
        Channel(tag, minimums.get(tag, default), _apprise(tag, url, allowed))
        for tag, url in found.items()
    )


def allowed_schemes(settings: NoticesGroup) -> frozenset[str]:
    """Read the allow-list."""
    names = (name.strip().lower() for name in settings.schemes.split(","))
    return frozenset(name for name in names if name)


def _minimums(settings: NoticesGroup) -> dict[str, Severity]:
    """Read `phone:critical,mail:info`."""
    found: dict[str, Severity] = {}
    for part in filter(None, (p.strip() for p in settings.channels.split(","))):
        tag, _, severity = part.partition(":")
        if severity not in tuple(Severity):
            msg = (
                f"notices.channels has {part!r}; write tag:severity with one of "
                f"{', '.join(Severity)}"
            )
            raise SettingsError(msg)
        found[tag] = Severity(severity)
    return found


def _tagged(text: str) -> dict[str, Secret]:
    """Read `tag=url` lines; a url without a tag is named by its place."""
    lines = (line.strip() for line in text.splitlines())
    words = [w for line in lines if not line.startswith("#") for w in line.split()]
    found: dict[str, Secret] = {}
    for number, word in enumerate(words, 1):
        tagged = _TAGGED.fullmatch(word)
        tag, url = (tagged[1], tagged[2]) if tagged else (f"channel-{number}", word)
        if tag in found:
            msg = f"the notices' urls have the tag {tag!r} twice; rename one"
            raise SettingsError(msg)
        found[tag] = Secret(url)
    if len(found) > CHANNELS_MAX:
        msg = f"there are {len(found)} notice urls; at most {CHANNELS_MAX} are served"
        raise SettingsError(msg)
    return found


def _apprise(tag: str, url: Secret, allowed: frozenset[str]) -> Deliver:
    """Make the sender of one url."""
    written = _SCHEME.match(url.reveal())
    if written is None:
        msg = f"the notice url of {tag!r} has no scheme; write tag=scheme://..."
        raise SettingsError(msg)
    scheme = written[1].lower()
    if scheme not in allowed:
        msg = (
            f"notice url {tag!r} has the scheme {scheme!r}, which notices.schemes "
            f"does not allow ({', '.join(sorted(allowed))}); add it if it is meant"
        )
        raise SettingsError(msg)
    apprise = _library()
    # Without both it works in threads of its own, and the process would not end
    # before they do. Ours are let go, and the deadline is ours too.
    ours = {"async_mode": False, "service_timeout": 0}
    asset = apprise.AppriseAsset(app_id="breakout", app_desc="breakout-engine", **ours)
    service = apprise.Apprise(asset=asset)
    if not service.add(url.reveal()):
        msg = f"the notice url of {tag!r} is no {scheme} url that apprise understands"
        raise SettingsError(msg)
    return Courier(service).deliver


def _library() -> Any:
    """Import apprise, only where notices are sent: it takes 0.6 s and 36 MB.

    What it and its HTTP library log may hold a url, so that is written nowhere.
    """
    for name in ("apprise", "urllib3", "requests"):
        logger = logging.getLogger(name)
        logger.addHandler(logging.NullHandler())
        logger.propagate = False
    return importlib.import_module("apprise")


class Courier:
    """Sends letters through one apprise service, one at a time."""

    def __init__(self, service: Any) -> None:
        self._service = service
        # Of its own: a thread that was given up still counts until it ends.
        self._threads = trio.CapacityLimiter(1)

    async def deliver(self, letter: Letter) -> bool:
        """Send one letter; False: the service did not take it."""
        return await trio.to_thread.run_sync(
            self._send, letter, abandon_on_cancel=True, limiter=self._threads
        )

    def _send(self, letter: Letter) -> bool:
        try:
            return bool(
                self._service.notify(
                    title=letter.title, body=letter.body, notify_type=_kind(letter)
                )
            )
        except Exception as fault:  # noqa: BLE001 - a border: a hundred plugins are behind it
            # Its text may hold the url.
            log.warning("notice_plugin_failed", fault=type(fault).__name__)
            return False


def _kind(letter: Letter) -> str:
    match letter.severity:
        case Severity.INFO:
            return "info"
        case Severity.WARNING:
            return "warning"
        case _:
            return "failure"
