"""Looks at what the engine runs on: Python, packages, clock, disk, compiled code."""

import ctypes
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

import numba
from packaging.requirements import Requirement

from actors.watchdog import MachineSources, NotMeasurable
from control.doctor.finding import Finding, Patient, bad, ok, warn

PACKAGE = "breakout-engine"
PYTHON_MIN = (3, 11)
DESCRIPTORS_MIN = 1024
#: adjtimex(2) answers so when nothing keeps the clock in step.
UNSYNCHRONIZED = 5
#: More than any system's `struct timex`; zeros mean: only read.
TIMEX_BYTES = 512


def python(_: Patient) -> Iterator[Finding]:
    """The interpreter: its version, and that asserts are on."""
    found = platform.python_version()
    if sys.version_info < PYTHON_MIN:
        yield bad("python", found, "use Python 3.11 or newer")
    else:
        yield ok("python", found)
    if __debug__:
        yield ok("asserts", "on")
    else:
        yield bad("asserts", "off", "run without python -O and PYTHONOPTIMIZE")


def packages(_: Patient) -> Iterator[Finding]:
    """What the engine needs is there, in a version that it was tested with."""
    wrong = []
    for line in requires(PACKAGE) or ():
        wanted = Requirement(line)
        if wanted.marker is not None and not wanted.marker.evaluate({"extra": ""}):
            continue
        try:
            there = version(wanted.name)
        except PackageNotFoundError:
            there = "not installed"
        if there == "not installed" or not wanted.specifier.contains(there):
            wrong.append(f"{wanted.name} {there}, wanted {wanted.specifier}")
    if wrong:
        yield bad("packages", "; ".join(wrong), "install the engine anew with pip")
    else:
        yield ok("packages", f"{PACKAGE} {version(PACKAGE)}, all it needs is there")


def clock(_: Patient) -> Iterator[Finding]:
    """Whether something keeps the machine's clock in step."""
    try:
        kernel = ctypes.CDLL(None, use_errno=True)
        state = kernel.adjtimex(ctypes.create_string_buffer(TIMEX_BYTES))
    except (AttributeError, OSError):
        state = -1
    remedy = "enable NTP: timedatectl set-ntp true"
    if state < 0:
        yield warn("clock", "this system does not tell", "see that NTP runs")
    elif state == UNSYNCHRONIZED:
        yield warn("clock", "the kernel says: not synchronised", remedy)
    else:
        yield ok("clock", "the kernel says: synchronised")


def disk(patient: Patient) -> Iterator[Finding]:
    """Where the journal lies: it can be written, and there is room."""
    folder = Path(patient.settings.engine.data_dir)
    refusal = _refusal(folder)
    if refusal is not None:
        remedy = "give it to the engine's user, or name another with --data-dir"
        yield bad("data", f"{folder} cannot be written: {refusal}", remedy)
        return
    free = shutil.disk_usage(_nearest(folder)).free // 2**20
    least = patient.settings.monitor.disk_free_mb_min
    state = "there" if folder.exists() else "will be made"
    if free < least:
        remedy = "make room, or move the data folder"
        yield bad("data", f"{folder}: {free} MB free of {least} needed", remedy)
    else:
        yield ok("data", f"{folder}: {state}, can be written, {free} MB free")


def compiled(patient: Patient) -> Iterator[Finding]:
    """Where numba keeps what it compiled; without it each start takes half a minute."""
    named = patient.environment.get("NUMBA_CACHE_DIR")
    kernel = Path(__file__).parents[2] / "actors" / "domain" / "kernel"
    place = Path(named) if named else kernel / "__pycache__"
    found = f"numba {numba.__version__}, code kept in {place}"
    refusal = _refusal(place)
    if refusal is None:
        yield ok("compiled", found)
    else:
        remedy = "set NUMBA_CACHE_DIR to a folder that the engine may write"
        yield warn("compiled", f"{found}, not to be written: {refusal}", remedy)


def _refusal(folder: Path) -> str | None:
    """Say why a folder, or the nearest above it, cannot be written; None: it can."""
    try:
        with tempfile.TemporaryFile(dir=_nearest(folder)) as file:
            file.write(b"x")
            os.fsync(file.fileno())
    except OSError as error:
        return error.strerror or type(error).__name__
    return None


def _nearest(folder: Path) -> Path:
    """Return the folder, or the nearest above it that exists."""
    return next(
        place for place in (folder, *folder.absolute().parents) if place.exists()
    )


def descriptors(patient: Patient) -> Iterator[Finding]:
    """How many files and sockets the process may open."""
    try:
        most = MachineSources(Path(patient.settings.engine.data_dir)).descriptors_max()
    except NotMeasurable as reason:
        yield ok("descriptors", str(reason))
        return
    if most < DESCRIPTORS_MIN:
        remedy = f"ulimit -n {DESCRIPTORS_MIN}, or LimitNOFILE= in the unit"
        yield warn("descriptors", f"{most} may be open", remedy)
    else:
        yield ok("descriptors", f"{most} may be open")
