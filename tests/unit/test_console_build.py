"""The build hook: when it builds, when not, and what it leaves when it cannot."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from control.console import build_hook
from control.console.build_hook import NODE, SKIP, ConsoleBuild, digest, is_current


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The sources of a console, nothing built."""
    monkeypatch.delenv(SKIP, raising=False)
    made = tmp_path / "control" / "console"
    (made / "src").mkdir(parents=True)
    (made / "package.json").write_text("{}")
    (made / "src" / "main.ts").write_text("export {};")
    return made


def hook(folder: Path, told: list[str]) -> ConsoleBuild:
    made = ConsoleBuild.__new__(ConsoleBuild)
    app = SimpleNamespace(display_warning=told.append)
    made.__dict__.update(
        {
            "_BuildHookInterface__root": str(folder.parents[1]),
            "_BuildHookInterface__app": app,
        }
    )
    return made


def pretend_built(folder: Path) -> None:
    (folder / "dist").mkdir(exist_ok=True)
    (folder / "dist" / "index.html").write_text("console")
    (folder / "dist" / "stamp.txt").write_text(digest(folder))


def test_node_is_asked_for_only_when_there_is_something_to_build(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert hook(folder, []).dependencies() == [NODE]
    pretend_built(folder)
    assert hook(folder, []).dependencies() == []
    (folder / "src" / "main.ts").write_text("export const a = 1;")
    assert hook(folder, []).dependencies() == [NODE]
    monkeypatch.setenv(SKIP, "1")
    assert hook(folder, []).dependencies() == []


def test_a_build_of_the_same_sources_is_not_repeated(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend_built(folder)
    monkeypatch.setattr(build_hook, "build", lambda _: pytest.fail("it built again"))
    hook(folder, []).initialize("standard", {})
    assert (folder / "dist" / "index.html").is_file()


def test_what_is_not_a_source_does_not_make_it_stale(folder: Path) -> None:
    pretend_built(folder)
    (folder / "node_modules").mkdir()
    (folder / "node_modules" / "any.js").write_text("1")
    assert is_current(folder)


@pytest.mark.parametrize("moved", ["src/other.ts", "public/main.ts"])
def test_a_file_that_moved_makes_it_stale(folder: Path, moved: str) -> None:
    pretend_built(folder)
    target = folder / moved
    target.parent.mkdir(exist_ok=True)
    (folder / "src" / "main.ts").rename(target)
    assert not is_current(folder)


def test_a_skipped_build_leaves_its_reason_and_no_old_console(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend_built(folder)
    (folder / "package.json").write_text('{"name": "newer"}')
    monkeypatch.setenv(SKIP, "1")
    told: list[str] = []
    hook(folder, told).initialize("standard", {})
    assert [path.name for path in (folder / "dist").iterdir()] == ["why-not.txt"]
    assert SKIP in told[0]


def test_a_failed_build_leaves_its_reason_and_the_install_goes_on(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = folder / "node"
    node.write_text(
        "#!/bin/sh\necho 'npm warn x' >&2\necho 'npm error no net' >&2\nexit 1"
    )
    node.chmod(0o755)
    monkeypatch.setattr(build_hook, "find_node", lambda: (str(node), "npm-cli.js"))
    told: list[str] = []
    hook(folder, told).initialize("standard", {})
    assert (folder / "dist" / "why-not.txt").read_text() == "npm ci failed: no net\n"
    assert told == ["the web console is not built: npm ci failed: no net"]
