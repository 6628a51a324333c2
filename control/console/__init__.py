"""Serves the web console that `build_hook.py` has built, or the plain page without it.

The built files are read once and served from memory: what is not in the table does
not exist, so no path can lead out of it. A file's name carries its hash, so it is
kept for ever; the page itself is asked for anew each time.
"""

import gzip
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from control.page import page_routes

#: The console's own addresses below `/`; `src/pages.ts` has the same list.
PAGES: Final = (
    "symbols",
    "funnel",
    "positions",
    "risk",
    "reconcile",
    "performance",
    "records",
    "presets",
    "settings",
)
MEDIA_TYPES: Final = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".txt": "text/plain",
    ".woff2": "font/woff2",
}
FRESH: Final = "no-cache"
FOR_EVER: Final = "public, max-age=31536000, immutable"
NEVER_BUILT: Final = "it was never built here"


class BuiltFile(msgspec.Struct, frozen=True):
    """One file of the console, as it is sent."""

    content: bytes
    packed: bytes  # gzip
    media_type: str
    cache: str

    def answer(self, request: Request) -> Response:
        """Send it, packed for whoever can unpack it."""
        headers = {"cache-control": self.cache, "vary": "accept-encoding"}
        if "gzip" in request.headers.get("accept-encoding", ""):
            headers["content-encoding"] = "gzip"
            return Response(self.packed, headers=headers, media_type=self.media_type)
        return Response(self.content, headers=headers, media_type=self.media_type)


def console_routes(built: Traversable | None = None) -> list[Route]:
    """Return the routes of the console, or of the plain page where it is missing."""
    folder = built if built is not None else _dist()
    reason = why_missing(folder)
    if reason is not None:
        return page_routes(reason)
    page = _built(folder.joinpath("index.html"), FRESH)
    routes = [_route(path, page) for path in ("/", *(f"/{name}" for name in PAGES))]
    routes += [_route(f"/{name}/{{rest:path}}", page) for name in PAGES]
    return routes + [_route(path, file) for path, file in _files(folder).items()]


def _files(folder: Traversable) -> dict[str, BuiltFile]:
    """Read every file but the page: `/assets/` for ever, the others anew."""
    found = {
        f"/{entry.name}": _built(entry, FRESH)
        for entry in folder.iterdir()
        if entry.is_file() and not entry.name.endswith((".html", ".txt"))
    }
    for entry in folder.joinpath("assets").iterdir():
        found[f"/assets/{entry.name}"] = _built(entry, FOR_EVER)
    return found


def _built(entry: Traversable, cache: str) -> BuiltFile:
    content = entry.read_bytes()
    kind = MEDIA_TYPES[entry.name[entry.name.rindex(".") :]]
    return BuiltFile(content, gzip.compress(content, mtime=0), kind, cache)


def _route(path: str, file: BuiltFile) -> Route:
    async def serve(request: Request) -> Response:
        return file.answer(request)

    return Route(path, serve)


def why_missing(built: Traversable | None = None) -> str | None:
    """Return what the build said about why there is no console; None: there is one."""
    folder = built if built is not None else _dist()
    if folder.joinpath("index.html").is_file():
        return None
    told = folder.joinpath("why-not.txt")
    return told.read_text("utf-8").strip() if told.is_file() else NEVER_BUILT


def _dist() -> Traversable:
    return files(__name__).joinpath("dist")
