"""What every test shares: which tests are left out of a quick run."""

import os

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave slow tests out unless CI=true asks for the whole suite."""
    if os.environ.get("CI", "").lower() == "true":
        return
    skip = pytest.mark.skip(reason="slow: set CI=true for the whole suite")
    for item in items:
        if "slow" in item.keywords:
            item.add_marker(skip)
