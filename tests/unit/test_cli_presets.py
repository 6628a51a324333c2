"""`breakout presets`: list, show and check, as a person types them."""

from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner, Result

from config.load import dump_preset, load_preset, preset_names
from control.cli import app


def presets(*words: str) -> Result:
    return CliRunner().invoke(app, ["presets", *words])


def test_list_names_every_shipped_preset_with_its_purpose() -> None:
    lines = presets("list").stdout.splitlines()
    assert [line.split()[0] for line in lines] == list(preset_names())
    assert all(len(line.split()) > 5 for line in lines)


def test_list_as_json_is_one_object() -> None:
    listed = msgspec.json.decode(presets("list", "--json").stdout)
    assert listed.keys() == set(preset_names())


@pytest.mark.parametrize("name", preset_names())
def test_show_prints_a_preset_that_loads_again(name: str, tmp_path: Path) -> None:
    shown = presets("show", name)
    assert shown.exit_code == 0
    again = tmp_path / f"{name}.json"
    again.write_text(shown.stdout)
    assert dump_preset(load_preset(str(again))) == dump_preset(load_preset(name))


@pytest.mark.parametrize("name", preset_names())
def test_every_shipped_preset_passes_its_check(name: str) -> None:
    checked = presets("check", name)
    assert checked.exit_code == 0
    assert name in checked.stdout


@pytest.mark.parametrize("act", ["show", "check"])
def test_an_unknown_preset_is_refused_with_1_and_its_name(act: str) -> None:
    refused = presets(act, "no_such")
    assert refused.exit_code == 1
    assert "no_such" in refused.stderr


def test_a_preset_that_can_never_fire_fails_its_check(tmp_path: Path) -> None:
    never = msgspec.json.decode(dump_preset(load_preset("breakout_v1")))
    never["name"] = "never"
    never["volatility_filters"] |= {"atr_range_min": 0.2, "atr_range_max": 0.1}
    path = tmp_path / "never.json"
    path.write_bytes(msgspec.json.encode(never))
    refused = presets("check", str(path))
    assert refused.exit_code == 1
    assert "atr_range_min" in refused.stderr
