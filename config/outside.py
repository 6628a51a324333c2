"""How the engine speaks to the world outside: notices to people, a sign of life.

The addresses are secrets and come from elsewhere (`config.secrets`).
"""

from typing import Annotated, Literal

from msgspec import Meta

from config.bounds import Group

Severity = Literal["info", "warning", "error", "critical"]
FilePath = Annotated[str, Meta(max_length=4096)]
Waiting = Annotated[float, Meta(gt=0, le=86_400)]
_HOUR = r"([01][0-9]|2[0-3]):[0-5][0-9]"


class NoticesGroup(Group, frozen=True, kw_only=True):
    """What is told to whom, when, and how often.

    Channels are lines `tag=url` (apprise's urls) in BREAKOUT_NOTICES_URLS, in
    `urls_file`, or in systemd's credential `notices_urls`.
    """

    urls_file: FilePath = ""
    #: Schemes that urls may have, `tgram,mailtos,jsons`; empty: nothing is sent.
    schemes: Annotated[str, Meta(max_length=1000)] = ""
    minimum: Severity = "warning"  # of a channel that `channels` does not name
    #: The least severity for each tag: `phone:critical,mail:info`.
    channels: Annotated[str, Meta(max_length=1000)] = ""
    digest_below: Severity = "error"  # less severe ones are gathered and sent together
    digest_seconds: Waiting = 900.0
    repeat_seconds: Waiting = 300.0  # the same is told once in this time, and counted
    #: UTC, `22:00-06:30`: only critical ones are sent then, the others wait.
    quiet: Annotated[str, Meta(pattern=rf"^({_HOUR}-{_HOUR})?$")] = ""
    waiting_max: Annotated[int, Meta(ge=10, le=10_000)] = 200  # of one channel
    gap_seconds: Annotated[float, Meta(ge=1, le=3600)] = 5.0  # between two messages
    send_seconds_max: Annotated[float, Meta(ge=1, le=300)] = 20.0
    attempts_max: Annotated[int, Meta(ge=1, le=10)] = 4
    retry_seconds: Annotated[float, Meta(ge=1, le=300)] = 2.0  # then doubling
    pause_seconds_max: Annotated[float, Meta(ge=10, le=86_400)] = 900.0


class HeartbeatGroup(Group, frozen=True, kw_only=True):
    """A ping to a watchdog elsewhere, which alarms when it stays away.

    Its url is BREAKOUT_HEARTBEAT_URL, in `url_file`, or in systemd's credential
    `heartbeat_url`; without one nothing is pinged.
    """

    url_file: FilePath = ""
    period_seconds: Annotated[float, Meta(ge=5, le=86_400)] = 60.0
    answer_seconds_max: Annotated[float, Meta(ge=1, le=60)] = 10.0
    #: Added to the url's path when the engine is not well; empty: it then stays away.
    fail_suffix: Annotated[str, Meta(pattern=r"^(/[A-Za-z0-9_-]{1,32})?$")] = "/fail"
    #: A queue of the risk actor that has not moved for so long means it hangs.
    stuck_seconds_max: Annotated[float, Meta(ge=1, le=3600)] = 30.0
