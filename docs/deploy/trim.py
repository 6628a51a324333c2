"""Takes out of an image what the engine never uses, and this script with it.

It is run by the image's own Python, since a shell cannot well remove itself.
"""

import shutil
from pathlib import Path

#: Shells, package tools, and what could fetch or change things.
FOLDERS = (
    "/bin",
    "/sbin",
    "/usr/bin",
    "/usr/sbin",
    "/usr/share/doc",
    "/usr/share/man",
    "/var/cache",
    "/var/lib/apt",
    "/var/lib/dpkg",
    "/root",
)


def trim(root: Path = Path("/")) -> None:
    """Empty the folders, drop pip, and make the place for the data."""
    for folder in FOLDERS:
        place = root / folder.lstrip("/")
        if place.is_symlink():
            place.unlink()
        else:
            shutil.rmtree(place, ignore_errors=True)
    for tool in (root / "usr/local/bin").glob("pip*"):
        tool.unlink()
    for package in (root / "usr/local/lib").glob("python3.*/site-packages/pip*"):
        shutil.rmtree(package)
    (root / "data").mkdir()
    (root / "trim.py").unlink()


if __name__ == "__main__":
    trim()
