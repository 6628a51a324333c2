"""Serves both documents, and a page that draws them from files of this package."""

from functools import cache
from importlib.resources import files

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from control import wire
from control.documents.asyncapi import asyncapi
from control.documents.openapi import openapi
from control.routes.table import ROUTES

_FILES = (
    ("/docs", "index.html", "text/html"),
    ("/docs/docs.js", "docs.js", "text/javascript"),
    ("/docs/docs.css", "docs.css", "text/css"),
)


@cache
def document_routes() -> tuple[Route, ...]:
    """Return a route for each document and each file of the page: made once."""
    here = files("control.documents") / "page"
    pages = [
        _fixed(path, (here / name).read_bytes(), kind) for path, name, kind in _FILES
    ]
    return (
        _fixed("/openapi.json", wire.encode(openapi(ROUTES)), "application/json"),
        _fixed("/asyncapi.json", wire.encode(asyncapi()), "application/json"),
        *pages,
    )


def _fixed(path: str, content: bytes, media_type: str) -> Route:
    async def serve(_: Request) -> Response:
        headers = {"cache-control": "no-cache"}
        return Response(content, headers=headers, media_type=media_type)

    return Route(path, serve)
