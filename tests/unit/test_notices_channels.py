"""Channels: the allow-list fails closed, and no message shows a url."""

import pytest

from actors.domain.severity import Severity
from config.errors import SettingsError
from config.outside import NoticesGroup
from config.secrets import Secret
from control.notices.channels import CHANNELS_MAX, Channel, open_channels

HIDDEN = "canary-of-the-tests"


def opened(urls: str | None, **settings: object) -> tuple[Channel, ...]:
    given = {"schemes": "json,jsons", **settings}
    secret = None if urls is None else Secret(urls)
    return open_channels(NoticesGroup(**given), secret)


def test_without_urls_there_is_no_channel() -> None:
    assert opened(None) == ()


def test_an_empty_allow_list_sends_nothing(quiet_log: None) -> None:
    assert opened(f"json://localhost/{HIDDEN}", schemes="") == ()
    assert opened(f"json://localhost/{HIDDEN}", schemes=" , ") == ()


def test_a_channel_has_its_tag_and_its_least_severity() -> None:
    urls = f"# mine\nphone=json://localhost/{HIDDEN}\n\njsons://localhost/?a=b"
    phone, other = opened(urls, channels="phone:critical", minimum="error")
    assert (phone.tag, phone.minimum) == ("phone", Severity.CRITICAL)
    assert (other.tag, other.minimum) == ("channel-2", Severity.ERROR)


@pytest.mark.parametrize(
    ("urls", "settings", "message"),
    [
        (
            f"a=tgram://{HIDDEN}/1",
            {},
            r"'a' has the scheme 'tgram', which notices\.schemes .* \(json, jsons\)",
        ),
        (f"a=JSON+x://{HIDDEN}", {}, "has the scheme 'json\\+x'"),
        (f"a={HIDDEN}", {}, "url of 'a' has no scheme"),
        (f"a=tgram://{HIDDEN}", {"schemes": "tgram"}, "'a' is no tgram url"),
        (f"a=nosuch://{HIDDEN}", {"schemes": "nosuch"}, "'a' is no nosuch url"),
        (f"a=json://h a=json://{HIDDEN}", {}, "the tag 'a' twice"),
        ("a=json://h", {"channels": "b:info"}, "names b; the urls have the tags a"),
        ("a=json://h", {"channels": "a:loud"}, "has 'a:loud'; write tag:severity"),
        (" ".join(["json://h"] * 9), {}, f"9 notice urls; at most {CHANNELS_MAX}"),
    ],
)
def test_what_cannot_be_used_is_refused_without_showing_it(
    urls: str, settings: dict[str, str], message: str
) -> None:
    with pytest.raises(SettingsError, match=message) as refused:
        opened(urls, **settings)
    assert HIDDEN not in str(refused.value)
