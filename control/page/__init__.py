"""A small live page, until the console takes its place: three files, read once."""

from importlib.resources import files

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

_FILES = (
    ("/", "index.html", "text/html"),
    ("/static/page.js", "page.js", "text/javascript"),
    ("/static/page.css", "page.css", "text/css"),
)


def page_routes() -> list[Route]:
    """Return a route for each file of the page."""
    return [_route(*entry) for entry in _FILES]


def _route(path: str, name: str, media_type: str) -> Route:
    content = files(__name__).joinpath(name).read_bytes()

    async def serve(_: Request) -> Response:
        headers = {"cache-control": "no-cache"}
        return Response(content, headers=headers, media_type=media_type)

    return Route(path, serve)
