"""A small live page for where the console was not built: three files, read once."""

import html
from importlib.resources import files

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

_FILES = (
    ("/", "index.html", "text/html"),
    ("/static/page.js", "page.js", "text/javascript"),
    ("/static/page.css", "page.css", "text/css"),
)
_REASON = b"{{why the console is missing}}"


def page_routes(why: str) -> list[Route]:
    """Return a route for each file of the page; it says `why` there is no console."""
    reason = html.escape(why).encode()
    return [_route(*entry, reason) for entry in _FILES]


def _route(path: str, name: str, media_type: str, reason: bytes) -> Route:
    content = files(__name__).joinpath(name).read_bytes().replace(_REASON, reason)

    async def serve(_: Request) -> Response:
        headers = {"cache-control": "no-cache"}
        return Response(content, headers=headers, media_type=media_type)

    return Route(path, serve)
