"""Engine settings: a later source wins, and what nobody knows is refused."""

from decimal import Decimal
from pathlib import Path

import pytest

from config.errors import SettingsError
from config.settings import LogFormat, Settings
from config.sources import load_settings


def written(folder: Path, text: str) -> Path:
    path = folder / "breakout.toml"
    path.write_text(text)
    return path


def test_without_any_source_the_defaults_hold() -> None:
    settings = load_settings()
    assert settings == Settings()
    assert settings.engine.equity_usd == Decimal(10_000)
    assert settings.control.host == "127.0.0.1"


def test_the_supervision_defaults_are_the_design_s() -> None:
    group = load_settings().supervision
    assert (group.symbol_restarts_max, group.symbol_period_seconds) == (3, 60.0)
    assert (group.feed_restarts_max, group.feed_period_seconds) == (10, 300.0)
    assert (group.control_restarts_max, group.control_period_seconds) == (5, 60.0)
    assert (group.core_restarts_max, group.core_period_seconds) == (1, 300.0)


def test_each_source_wins_over_the_one_before(tmp_path: Path) -> None:
    path = written(tmp_path, "[control]\nport = 1\nping_seconds = 5\nhost = 'a'")
    environment = {"BREAKOUT_CONTROL_PORT": "2", "BREAKOUT_CONTROL_HOST": "b"}
    control = load_settings(path, environment, {"control.port": 3}).control
    assert (control.port, control.host, control.ping_seconds) == (3, "b", 5.0)


def test_the_environment_s_text_becomes_the_field_s_type() -> None:
    environment = {
        "BREAKOUT_ENGINE_EQUITY_USD": "2500.10",
        "BREAKOUT_LOGGING_FORMAT": "json",
        "BREAKOUT_PAPER_LATENCY_MS": "80",
        "HOME": "/root",
    }
    settings = load_settings(environment=environment)
    assert settings.engine.equity_usd == Decimal("2500.10")
    assert settings.logging.format is LogFormat.JSON
    assert settings.paper.latency_ms == 80


def test_a_file_s_fraction_of_money_is_exact(tmp_path: Path) -> None:
    path = written(tmp_path, "[engine]\nequity_usd = 2500.1")
    assert load_settings(path).engine.equity_usd == Decimal("2500.1")


def test_the_token_is_not_a_setting() -> None:
    assert load_settings(environment={"BREAKOUT_TOKEN": "x"}) == Settings()


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        (
            {"BREAKOUT_CONTROL_PROT": "1"},
            r"variable BREAKOUT_CONTROL_PROT: control has no setting 'prot'; it has ho",
        ),
        ({"BREAKOUT_PORT": "1"}, r"BREAKOUT_PORT: there is no group 'port'; the gro"),
        (
            {"BREAKOUT_CONTROL_PORT": "70000"},
            r"from environment: Expected `int` <= 65535 - at `\$\.control\.port`",
        ),
        ({"BREAKOUT_CONTROL_PORT": "many"}, r"Expected `int`, got `str`"),
        ({"BREAKOUT_ENGINE_EQUITY_USD": "0"}, r"`equity_usd` is 0; it must be"),
        ({"BREAKOUT_ENGINE_EQUITY_USD": "NaN"}, r"`equity_usd` is NaN; it must be"),
        ({"BREAKOUT_MARKET_SPEC": "reply:x"}, r"at `\$\.market\.spec`"),
        ({"BREAKOUT_MARKET_SPEED": "fast"}, r"at `\$\.market\.speed`"),
        (
            {"BREAKOUT_CONTROL_PER_ADDRESS_MAX": "65"},
            r"per_address_max is 65; it must not exceed control\.connections_max, 64",
        ),
    ],
)
def test_the_environment_is_refused(environment: dict[str, str], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        load_settings(environment=environment)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[control]\nprot = 1", r"file .*unknown field `prot` - at `\$\.control`"),
        ("[controls]\n", r"unknown field `controls`"),
        ("port = 1", r"port = 1 stands outside any group; put it under one of engine"),
        ("[control", r"is not TOML: "),
        ("[paper]\nlatency_ms = -1", r"Expected `int` >= 0 - at `\$\.paper\.latency"),
    ],
)
def test_a_file_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        load_settings(written(tmp_path, text))


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"cannot be read: No such file"):
        load_settings(tmp_path / "none.toml")


def test_a_file_far_too_large_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="over 1048576 bytes"):
        load_settings(written(tmp_path, "#" * 1_048_577))


def test_the_command_line_is_refused_by_name() -> None:
    with pytest.raises(SettingsError, match=r"line setting market\.sped: market has"):
        load_settings(overrides={"market.sped": "max"})


def test_the_clock_s_and_the_feed_s_limits_are_the_protocol_s() -> None:
    settings = load_settings()
    clock, feed = settings.clock, settings.feed
    assert (clock.warn_ms, clock.refuse_ms, clock.halt_ms) == (250, 500, 1_000)
    assert (clock.samples, clock.round_seconds) == (5, 60.0)
    assert (feed.entries_ms_max, feed.stale_ms_max) == (5_000, 15_000)
    assert (feed.reconnect_ms_max, feed.late_close_ms_max) == (20_000, 3_000)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            {"clock.warn_ms": 501},
            r"clock\.warn_ms is 501; it must not exceed clock\.re",
        ),
        ({"clock.halt_ms": 499}, r"clock\.refuse_ms is 500; it must not exceed"),
        ({"feed.stale_ms_max": 4_000}, r"feed\.entries_ms_max is 5000; it must not"),
        ({"feed.reconnect_ms_max": 1}, r"feed\.stale_ms_max is 15000; it must not"),
    ],
)
def test_the_limits_of_clock_and_feed_rise(
    overrides: dict[str, object], message: str
) -> None:
    with pytest.raises(SettingsError, match=message):
        load_settings(overrides=overrides)
