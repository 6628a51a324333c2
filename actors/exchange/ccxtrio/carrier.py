"""Carries a request of ccxt's to the exchange byte for byte, and the answer back.

A signature covers the exact bytes of the query, so the target that ccxt signed is sent
as it is and not as httpx would write it. Headers go out in the order and with the names
that stock ccxt (on aiohttp) sends: an exchange sees the same client.

One deadline stands around the whole of it. httpx's own time-outs are off: they begin
anew with every chunk, and they would take the caller's deadline for the exchange's.

Every failure is one of three to the caller, in ccxt's words (see `FAILURES`); the
differential test holds them against stock. Which one proves what about an order is not
decided here but in `actors.exchange.outcome`.
"""

import logging
import ssl
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import httpx
import msgspec
import trio
from ccxt.base.errors import (
    BaseError,
    ExchangeError,
    ExchangeNotAvailable,
    RequestTimeout,
)

from actors.exchange.ccxtrio.body import read
from actors.exchange.ccxtrio.names import SERVER_GONE, TARGET

logging.getLogger("httpx").setLevel(logging.WARNING)  # it would log signed addresses

#: httpx's pool slows down with what is in flight, and no exchange wants more.
CONNECTIONS_MAX = 16
KEPT_MAX = 8
KEPT_SECONDS = 55.0  # below the minute after which most exchanges hang up
REDIRECTS_MAX = 10
BODILESS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
BODIED = frozenset({"POST", "PUT", "PATCH"})


class Undelivered(Exception):
    """There is no whole answer. `kind` is ccxt's class for it."""

    def __init__(self, kind: type[BaseError]) -> None:
        super().__init__(kind.__name__)
        self.kind = kind


class Answer(msgspec.Struct, frozen=True):
    """A whole answer; `headers` has the names as they were written."""

    status: int
    reason: str
    headers: dict[str, str]
    body: bytes
    text: str


#: Before the head of an answer is there. The first row that fits counts.
FAILURES: tuple[tuple[tuple[type[Exception], ...], type[BaseError]], ...] = (
    ((trio.TooSlowError, httpx.TimeoutException), RequestTimeout),
    ((httpx.NetworkError,), ExchangeNotAvailable),
    ((httpx.HTTPError, httpx.InvalidURL, httpx.StreamError), ExchangeError),
)
FAILURE = tuple(kind for kinds, _ in FAILURES for kind in kinds)


def failure(error: Exception, *, in_body: bool) -> Any:
    """Say in ccxt's words what kept an answer from coming."""
    if isinstance(error, httpx.RemoteProtocolError) and SERVER_GONE in str(error):
        return ExchangeNotAvailable
    kind = next(kind for classes, kind in FAILURES if isinstance(error, classes))
    if in_body and kind is ExchangeNotAvailable:
        return ExchangeError  # the exchange is there; its answer is cut
    return kind


class Carrier:
    """The HTTP connections of one exchange object, a client for each proxy."""

    def __init__(
        self, verify: Callable[[], ssl.SSLContext | bool], *, trust_environment: bool
    ) -> None:
        self._verify = verify
        self._trust_environment = trust_environment
        self.hops_max = REDIRECTS_MAX
        self._clients: dict[str | None, httpx.AsyncClient] = {}
        self._under_way: set[trio.CancelScope] = set()

    async def carry(
        self, request: httpx.Request, proxy: str | None, seconds: float
    ) -> Answer:
        """Send the request once, follow redirects, read the answer whole.

        Raises Undelivered, also when the carrier is closed meanwhile.
        """
        response: httpx.Response | None = None
        body = b""
        with trio.CancelScope() as scope:
            self._under_way.add(scope)
            try:
                with trio.fail_after(seconds):
                    response = await self._sent(request, proxy)
                    body = await read(response)
            except FAILURE as error:
                kind = failure(error, in_body=response is not None)
                raise Undelivered(kind) from error
            finally:
                self._under_way.discard(scope)
        if scope.cancelled_caught or response is None:
            raise Undelivered(ExchangeNotAvailable)
        text = body.decode(response.encoding or "utf-8", errors="replace")
        headers = _written_headers(response)
        status, reason = response.status_code, response.reason_phrase
        return Answer(status, reason, headers, body, text.strip())

    async def _sent(self, request: httpx.Request, proxy: str | None) -> httpx.Response:
        client = self._client(proxy)
        if proxy and not proxy.startswith("socks") and request.url.scheme == "http":
            # Such a proxy is told the whole address; to https it opens a tunnel.
            target = request.extensions[TARGET]
            origin = f"http://{request.url.netloc.decode()}".encode()
            request.extensions[TARGET] = origin + target
        for _ in range(self.hops_max):
            client.cookies.set_cookie_header(request)
            response = await client.send(request, stream=True)
            if response.next_request is None:
                return response
            await response.aclose()
            request = response.next_request
            request.extensions.pop(TARGET, None)  # it was that of the first address
        msg = f"more than {self.hops_max} redirects"
        raise httpx.TooManyRedirects(msg)

    def _client(self, proxy: str | None) -> httpx.AsyncClient:
        client = self._clients.get(proxy)
        if client is None:
            client = self._clients[proxy] = httpx.AsyncClient(
                verify=self._verify(),
                proxy=proxy,
                trust_env=self._trust_environment,
                timeout=None,  # noqa: S113 - one deadline stands around it all
                limits=httpx.Limits(
                    max_connections=CONNECTIONS_MAX,
                    max_keepalive_connections=KEPT_MAX,
                    keepalive_expiry=KEPT_SECONDS,
                ),
            )
        return client

    async def aclose(self) -> None:
        """Hang up; requests that are under way end as Undelivered."""
        for scope in self._under_way:
            scope.cancel()
        clients, self._clients = self._clients, {}
        for client in clients.values():
            await client.aclose()


def written(
    method: str,
    url: str,
    headers: Mapping[str, str],
    body: str | bytes | None,
    content_type: str = "application/octet-stream",
) -> httpx.Request:
    """Write a request as stock ccxt does; Undelivered: the address is none."""
    parts = urlsplit(url)
    content = body.encode() if isinstance(body, str) else body or b""
    names = {name.lower() for name in headers}
    bodied = bool(content)
    defaults = (
        ("Accept", "*/*", True),
        ("User-Agent", f"python-httpx/{httpx.__version__}", True),
        ("Content-Length", str(len(content)), bodied or method not in BODILESS),
        ("Content-Type", content_type, bodied or method in BODIED),
    )
    host = [] if "host" in names else [("Host", parts.netloc.rpartition("@")[2])]
    added = [(k, v) for k, v, due in defaults if due and k.lower() not in names]
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    extensions = {TARGET: target.encode()}
    try:
        return httpx.Request(
            method,
            url,
            headers=[*host, *headers.items(), *added],
            content=content,
            extensions=extensions,
        )
    except httpx.InvalidURL as error:
        raise Undelivered(ExchangeError) from error


def _written_headers(response: httpx.Response) -> dict[str, str]:
    """Join headers that come twice; ccxt looks them up by the name as written."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in response.headers.raw:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers
