"""Makes the REST half of any ccxt exchange run on trio.

`RestOnTrio` stands before a class of ccxt.async_support and replaces what touches
asyncio or aiohttp: opening and closing, the limiter, the loading of markets, and
`fetch`. Signing, retries, parsing and the reading of errors stay ccxt's own.
"""

import ssl
from collections.abc import Mapping
from contextlib import nullcontext
from contextvars import ContextVar
from typing import Any
from urllib.parse import urlencode

import trio
from ccxt.base.errors import ExchangeClosedByUser, NotSupported

from actors.exchange.ccxtrio.carrier import (
    Answer,
    Carrier,
    Undelivered,
    written,
)
from actors.exchange.ccxtrio.markets import SharedLoad
from actors.exchange.gate.gate import Gate, Ticket
from actors.exchange.gate.limiter import Limiter

#: From the wait for the gate to the sending; ccxt signs between the two.
_admitted: ContextVar[Ticket | None] = ContextVar("admitted", default=None)
#: ccxt asks for the first; without files aiohttp sends the second.
MULTIPART = "multipart/form-data"
FORM = "application/x-www-form-urlencoded"


class RestOnTrio:
    """The mixin. `gate` in ccxt's config shares one gate among several objects.

    Without a gate, or with one that counts no weight, a limiter of its own keeps to
    ccxt's limit; `limiter` shares that.

    A public name with an underscore would get a camel-case twin from ccxt's
    constructor, so whatever is ours alone begins with an underscore.
    """

    limiter: Limiter | None = None
    gate: Gate | None = None

    def __init__(self, config: Mapping[str, Any] | None = None) -> None:
        self._shared_load = SharedLoad()
        super().__init__(dict(config or {}))  # type: ignore[call-arg]
        self._carrier = Carrier(
            self._tls,
            trust_environment=self.aiohttp_trust_env,  # type: ignore[attr-defined]
        )

    def __del__(self) -> None:
        """Stock warns here of sessions that were never opened on trio."""

    # --- opening and closing ----------------------------------------------------------

    def open(self: Any, lazy: bool = False) -> None:  # noqa: FBT001, FBT002 - ccxt's
        """Let requests through again after a close; a late one stays refused."""
        if lazy and self.closed_by_user:
            msg = f"{self.id} instance was closed by the user"
            raise ExchangeClosedByUser(msg)
        self.closed_by_user = False

    async def close(self: Any, clean_instance_data: bool = False) -> None:  # noqa: FBT001, FBT002
        """End all streams and connections; any task may call it, at any time."""
        self.closed_by_user = True
        await self.close_ws_clients()
        with trio.CancelScope(shield=True):  # hanging up waits for nobody
            await self._carrier.aclose()
        if clean_instance_data:
            self.clean_ws_data()
            self.clean_rest_data()

    async def close_ws_clients(self) -> None:
        """There are none without the streaming half."""

    async def sleep(self, milliseconds: float) -> None:
        """Sleep on trio's clock."""
        await trio.sleep(milliseconds / 1000)

    # --- limit and markets ------------------------------------------------------------

    def init_throttler(self: Any, cost: float | None = None) -> None:
        """Make the exchange's limiter, unless one was given to share."""
        del cost
        self.throttler = self.limiter or Limiter(self.tokenBucket)

    async def throttle(self: Any, cost: float | None = None) -> None:
        """Wait until a request may be sent; see `limiter.in_lane`. Raises Unsent."""
        ticket = None if self.gate is None else await self._ticket(cost)
        if self.gate is None or not self.gate.terms.weight:
            await self.throttler(cost)
        _admitted.set(ticket)

    async def _ticket(self: Any, cost: float | None) -> Ticket:
        """Admit a request; ccxt signs it afterwards, and signatures grow old."""
        weight = self.gate.terms.ccxt_weight * (1.0 if cost is None else cost)
        ticket: Ticket = await self.gate.admit(weight)
        return ticket

    async def load_markets(
        self: Any,
        reload: bool = False,  # noqa: FBT001, FBT002 - ccxt's
        params: Mapping[str, Any] | None = None,
    ) -> Any:
        """Load the markets once, whoever asks and whoever is cancelled."""
        if self.markets and self.markets_by_id and not reload:  # noqa: SIM102
            if not self._shared_load.under_way:
                return self.markets
        return await self._shared_load.get(
            lambda: self.load_markets_helper(reload, params or {}), anew=reload
        )

    # --- HTTP -------------------------------------------------------------------------

    async def fetch(
        self: Any,
        url: str,
        method: str = "GET",
        headers: dict[str, str] | None = None,
        body: Any = None,
    ) -> Any:
        """Send one signed request; give the decoded answer or raise ccxt's error."""
        request_headers = self.prepare_request_headers(headers)
        self.last_request_headers = request_headers
        url, proxy = self._route(url, method, headers, body, request_headers)
        self.open(lazy=True)
        if self.verbose:
            self.log("\nfetch Request:", self.id, method, url, request_headers, body)
        ticket = _admitted.get()
        _admitted.set(None)  # one request each, also when ccxt asks again
        if self.gate is not None and ticket is None:
            ticket = await self._ticket(None)
        with ticket or nullcontext():
            try:
                request = _written(method, url, request_headers, body)
                answer = await self._carrier.carry(request, proxy, self.timeout / 1000)
            except Undelivered as error:
                if self.closed_by_user:
                    msg = f"{self.id} instance was closed by the user"
                    raise ExchangeClosedByUser(msg) from error.__cause__
                details = f"{self.id} {method} {url}"
                raise error.kind(details) from error.__cause__
            if ticket is not None:
                ticket.told(answer.status, answer.headers)
            return self._read(answer, method, url, request_headers, body)

    def _route(
        self: Any,
        url: str,
        method: str,
        headers: dict[str, str] | None,
        body: Any,
        request_headers: dict[str, str],
    ) -> tuple[str, str | None]:
        """Give the address and the proxy that the settings lead to."""
        prefix = self.check_proxy_url_settings(url, method, headers, body)
        if prefix is not None:
            request_headers["Origin"] = self.origin
            url = prefix + self.url_encoder_for_proxy_url(url)
        http, https, socks = self.check_proxy_settings(url, method, headers, body)
        proxy = http or https or socks or self.aiohttp_proxy
        self.check_conflicting_proxies(proxy is not None, prefix)
        if self.aiohttp_proxy is not None and (prefix or http or https or socks):
            msg = f"{self.id} you have set multiple proxies, please use one or another"
            raise NotSupported(msg)
        return url, proxy

    def _read(
        self: Any,
        answer: Answer,
        method: str,
        url: str,
        request_headers: dict[str, str],
        body: Any,
    ) -> Any:
        status, reason, headers = answer.status, answer.reason, answer.headers
        text = self.on_rest_response(
            status, reason, url, method, headers, answer.text, request_headers, body
        )
        decoded = self.parse_json(text)
        self._remember(text, headers, decoded)
        if self.verbose:
            self.log("\nfetch Response:", self.id, method, url, status, headers, text)
        if decoded and not isinstance(decoded, list) and self.returnResponseHeaders:
            decoded["responseHeaders"] = headers
        self.handle_errors(
            status, reason, url, method, headers, text, decoded, request_headers, body
        )
        self.handle_http_status_code(status, reason, url, method, text)
        if decoded is not None:
            return decoded
        if self.is_text_response(headers) or not text:
            return text
        return answer.body

    def _remember(self: Any, text: str, headers: dict[str, str], decoded: Any) -> None:
        if self.enableLastHttpResponse:
            self.last_http_response = text
        if self.enableLastResponseHeaders:
            self.last_response_headers = headers
        if self.enableLastJsonResponse:
            self.last_json_response = decoded

    def _tls(self: Any) -> ssl.SSLContext | bool:
        """Make the context at the first need: it takes twenty milliseconds."""
        if not self.verify:
            return False
        if self.ssl_context is None:
            context = ssl.create_default_context(cafile=self.cafile)
            if self.safe_bool(self.options, "include_OS_certificates", False):
                context.load_default_certs()
            self.ssl_context = context
        assert isinstance(self.ssl_context, ssl.SSLContext)
        return self.ssl_context


def _written(method: str, url: str, headers: dict[str, str], body: Any) -> Any:
    """Write the request; a form is encoded here, as aiohttp does in stock."""
    for name, value in headers.items():
        if name.lower() == "content-type" and value == MULTIPART:
            rest = {key: field for key, field in headers.items() if key != name}
            return written(method, url, rest, urlencode(body, doseq=True), FORM)
    return written(method, url, headers, body or None)
