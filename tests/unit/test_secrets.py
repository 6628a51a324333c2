"""Secrets: where they may come from, and that they do not come out."""

import pickle
from pathlib import Path
from typing import Any

import msgspec
import pytest

from config.errors import SecretError, SettingsError
from config.secrets import BYTES_MAX, Secret, find_secret
from config.sources import load_settings

NAME = "heartbeat_url"
URL = "https://watch.example/canary-of-the-tests"


def kept(folder: Path, name: str = NAME, mode: int = 0o600, text: str = URL) -> Path:
    path = folder / name
    path.write_text(text + "\n")
    path.chmod(mode)
    return path


def revealed(environment: dict[str, str], path: str = "") -> str | None:
    found = find_secret(NAME, environment, path)
    return None if found is None else found.reveal()


def test_the_environment_wins_over_the_file_and_the_file_over_the_credential(
    tmp_path: Path,
) -> None:
    named = kept(tmp_path, "named", text="of-the-file")
    kept(tmp_path, text="of-the-credential")
    credential = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    variable = credential | {"BREAKOUT_HEARTBEAT_URL": "of-the-variable"}
    assert revealed({}) is None
    assert revealed(credential) == "of-the-credential"
    assert revealed(credential, str(named)) == "of-the-file"
    assert revealed(variable, str(named)) == "of-the-variable"


def test_a_credential_s_group_bits_are_systemd_s_own_acl(tmp_path: Path) -> None:
    kept(tmp_path, mode=0o440)
    assert revealed({"CREDENTIALS_DIRECTORY": str(tmp_path)}) == URL


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
def test_a_file_that_others_can_use_is_refused(tmp_path: Path, mode: int) -> None:
    path = kept(tmp_path, mode=mode)
    with pytest.raises(SecretError, match=rf"has mode {mode:04o}: .*chmod 600 {path}"):
        revealed({}, str(path))


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b" \n", "is empty; fill it or remove it"),
        (b"x" * (BYTES_MAX + 1), f"has over {BYTES_MAX} bytes"),
        (b"abc\xff", "is not UTF-8 at byte 3"),
    ],
)
def test_a_file_that_holds_no_secret_is_refused(
    tmp_path: Path, raw: bytes, message: str
) -> None:
    path = kept(tmp_path)
    path.write_bytes(raw)
    with pytest.raises(SecretError, match=message):
        revealed({}, str(path))


def test_a_file_that_is_not_there_and_an_empty_variable_are_refused() -> None:
    with pytest.raises(SecretError, match="/nowhere cannot be read: No such file"):
        revealed({}, "/nowhere")
    with pytest.raises(SecretError, match="BREAKOUT_HEARTBEAT_URL is empty"):
        revealed({"BREAKOUT_HEARTBEAT_URL": " "})


def shown_by(secret: Any) -> list[str]:
    return [repr(secret), str(secret), f"{secret}", repr([secret]), f"{secret!r}"]


def test_a_secret_is_never_shown() -> None:
    secret = Secret(URL)
    assert [text for text in shown_by(secret) if "canary" in text] == []
    with pytest.raises(TypeError):
        msgspec.json.encode(secret)
    with pytest.raises(TypeError, match="not copied"):
        pickle.dumps(secret)


def test_a_secret_is_no_setting_and_a_refusal_does_not_show_it(tmp_path: Path) -> None:
    path = tmp_path / "breakout.toml"
    path.write_text(f"[notices]\nurls = 'main={URL}'\n")
    with pytest.raises(SettingsError, match="unknown field `urls`") as refused:
        load_settings(path)
    assert "canary" not in str(refused.value)
    environment = {"BREAKOUT_NOTICES_URLS": URL, "BREAKOUT_HEARTBEAT_URL": URL}
    assert "canary" not in repr(load_settings(environment=environment))
