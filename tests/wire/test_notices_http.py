"""Notices through apprise to a real server: taken, refused, and never answered."""

import io
import logging

import msgspec
import pytest
import structlog
import trio

from actors.domain.severity import Severity
from actors.logs import LogFormat, configure_logging
from config.outside import NoticesGroup
from config.secrets import Secret
from control.notices.channels import Channel, open_channels
from control.notices.letter import Letter
from tests.wire.listeners import OK, REFUSED, Listener, hang, listening

LETTER = Letter(Severity.CRITICAL, "breakout main: critical", "kill switch FLATTENING")
HIDDEN = "canary-of-the-tests"


def channel(listener: Listener) -> Channel:
    url = Secret(f"phone=json://127.0.0.1:{listener.port}/{HIDDEN}")
    (found,) = open_channels(NoticesGroup(schemes="json"), url)
    return found


async def test_a_letter_arrives_as_it_was_written() -> None:
    async with listening(OK) as listener:
        assert await channel(listener).deliver(LETTER)
    (heard,) = listener.heard
    body = msgspec.json.decode(heard.body)
    assert heard.path == f"/{HIDDEN}"
    assert (body["title"], body["message"]) == (LETTER.title, LETTER.body)
    assert body["type"] == "failure"


async def test_what_a_service_refuses_is_not_taken_and_no_log_shows_its_url(
    capfd: pytest.CaptureFixture[str],
) -> None:
    said = io.StringIO()
    configure_logging(LogFormat.JSON, "debug", None, stream=said)
    async with listening(REFUSED) as listener:
        assert not await channel(listener).deliver(LETTER)
    nobody = channel(listener)
    assert not await nobody.deliver(LETTER)
    structlog.reset_defaults()
    printed = capfd.readouterr()
    assert HIDDEN not in said.getvalue() + printed.out + printed.err
    assert logging.getLogger("apprise").propagate is False


async def test_a_service_that_never_answers_is_given_up_at_the_deadline() -> None:
    async with listening(hang) as listener:
        phone = channel(listener)
        began = trio.current_time()
        with trio.move_on_after(0.3) as scope:
            await phone.deliver(LETTER)
        assert scope.cancelled_caught
        assert trio.current_time() - began < 60
        assert len(listener.heard) == 1


async def test_letters_never_pile_up_in_threads_behind_a_channel_that_hangs() -> None:
    async with listening(hang) as listener:
        phone = channel(listener)
        for _ in range(5):
            with trio.move_on_after(0.1):
                await phone.deliver(LETTER)
        # The first thread still waits for its answer; the others never began.
        assert len(listener.heard) == 1
