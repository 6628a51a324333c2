"""A person's own presets: versions that are never changed, beside those that ship."""

from pathlib import Path

import msgspec
import pytest

from config import shelf as shelf_module
from config.errors import PresetError
from config.load import dump_preset, load_preset, preset_names
from config.shelf import Shelf, StaleVersion

SHIPPED = "breakout_v1"


def text(name: str = SHIPPED, **changed: object) -> bytes:
    preset = msgspec.json.decode(dump_preset(load_preset(SHIPPED)))
    return msgspec.json.encode(preset | {"name": name} | changed)


def test_an_edited_shipped_preset_stands_before_it_and_keeps_its_digits(
    tmp_path: Path,
) -> None:
    shelf = Shelf(tmp_path)
    assert shelf.newest(SHIPPED).version == 0
    assert shelf.save(SHIPPED, text(description="mine"), 0) == 1
    found = shelf.newest(SHIPPED)
    assert (found.version, found.origin) == (1, "own")
    assert found.preset.description == "mine"
    assert found.preset.risk == load_preset(SHIPPED).risk
    assert shelf.versions(SHIPPED) == (0, 1)
    assert load_preset(SHIPPED).description != "mine"
    assert shelf.load(SHIPPED) == found.preset


def test_a_new_preset_begins_with_version_one(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    assert shelf.save("my_own", text("my_own"), None) == 1
    assert shelf.names() == tuple(sorted((*preset_names(), "my_own")))
    assert shelf.save("my_own", text("my_own", description="again"), 1) == 2
    assert shelf.newest("my_own").preset.description == "again"


@pytest.mark.parametrize("edited", [None, 1, 7])
def test_an_edit_of_what_is_no_longer_newest_is_refused(
    tmp_path: Path, edited: int | None
) -> None:
    shelf = Shelf(tmp_path)
    with pytest.raises(StaleVersion, match="the newest is 0"):
        shelf.save(SHIPPED, text(), edited)
    assert shelf.versions(SHIPPED) == (0,)


def test_of_two_who_save_the_same_version_one_is_refused(tmp_path: Path) -> None:
    """The other engine wrote between our look and our writing."""
    first, second = Shelf(tmp_path), Shelf(tmp_path)
    first.save(SHIPPED, text(description="first"), 0)
    with pytest.raises(StaleVersion):
        second._write(SHIPPED, 1, text(description="second"))
    assert second.newest(SHIPPED).preset.description == "first"
    assert [path.name for path in tmp_path.iterdir()] == [f"{SHIPPED}.1.json"]


@pytest.mark.parametrize(
    ("name", "raw", "words"),
    [
        (SHIPPED, b"{", "not JSON"),
        (SHIPPED, text(target_markets=[]), "target_markets"),
        ("other", text(SHIPPED), "must be 'other'"),
        (SHIPPED, text(unheard_of=1), "unheard_of"),
    ],
)
def test_what_cannot_be_used_is_not_saved(
    tmp_path: Path, name: str, raw: bytes, words: str
) -> None:
    with pytest.raises(PresetError, match=words):
        Shelf(tmp_path).save(name, raw, 0)
    assert list(tmp_path.iterdir()) == []


def test_versions_and_own_presets_are_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shelf_module, "VERSIONS_MAX", 3)
    monkeypatch.setattr(shelf_module, "OWN_MAX", 1)
    shelf = Shelf(tmp_path)
    for version in range(6):
        shelf.save(SHIPPED, text(), version)
    assert shelf.versions(SHIPPED) == (0, 4, 5, 6)
    with pytest.raises(PresetError, match="limit"):
        shelf.save("another", text("another"), None)


def test_without_a_folder_the_shipped_ones_are_there_and_nothing_is_saved() -> None:
    shelf = Shelf()
    assert shelf.names() == preset_names()
    with pytest.raises(PresetError, match="--data-dir"):
        shelf.save(SHIPPED, text(), 0)
    with pytest.raises(PresetError, match="there is no preset"):
        shelf.newest("nobody")
