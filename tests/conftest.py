"""What every test shares: what a quick run leaves out, and what is forbidden."""

import asyncio  # noqa: TID251 - to forbid it
import logging
import os
from collections.abc import Iterator
from typing import Any

import pytest
import structlog


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Share the tests out among the workers, if there are any."""
    from tests.side_by_side import SideBySide  # noqa: PLC0415 - only with workers

    return SideBySide(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave slow tests out unless CI=true asks for the whole suite."""
    if os.environ.get("CI", "").lower() == "true":
        return
    skip = pytest.mark.skip(reason="slow: set CI=true for the whole suite")
    for item in items:
        if "slow" in item.keywords:
            item.add_marker(skip)


@pytest.fixture
def quiet_log() -> Iterator[None]:
    """Log nothing but what is critical: thousands of lives alarm a lot."""
    wrapper = structlog.make_filtering_bound_logger(logging.CRITICAL)
    structlog.configure(wrapper_class=wrapper)
    yield
    structlog.reset_defaults()


@pytest.fixture
def no_asyncio_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make it an error to make a loop of asyncio."""

    def refuse(*_: object) -> None:
        msg = "somebody asked for a loop of asyncio; the engine runs on trio alone"
        raise AssertionError(msg)

    for name in ("new_event_loop", "get_event_loop"):
        monkeypatch.setattr(asyncio.DefaultEventLoopPolicy, name, refuse)
    monkeypatch.setattr(asyncio.BaseEventLoop, "__init__", refuse)
