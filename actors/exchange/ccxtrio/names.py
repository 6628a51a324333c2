"""Names every private thing of ccxt, httpx and trio that the adapter relies on.

ccxt has no interface for another event loop, so the adapter replaces methods of four of
its files and relies on what the others do. A new version may move any of them in
silence. So each is named here with a fingerprint of its code, and
`tests/unit/test_ccxt_names.py` says which has changed: read it in ccxt, change the
adapter where it has to follow, run `python -m tests.differential --all`, and write the
new fingerprint here. Nothing of trio is private that is used.
"""

CCXT_VERSION = "4.5.90"

#: Module and class -> methods that ours stand in for; ccxt's must never run on trio.
REPLACED: dict[str, dict[str, str]] = {
    "ccxt.async_support.base.exchange:BaseExchange": {
        "__aenter__": "1b73ea5fe76e",
        "__aexit__": "35ea564753b7",
        "__del__": "c9a224c56bb8",
        "__init__": "e3db9569b205",
        "client": "277e04f38e22",
        "close": "c107d1456186",
        "close_ws_clients": "752b545aa867",
        "delay": "4e47cc2d5b34",
        "fetch": "2a690d904126",
        "init_throttler": "45080ff28f85",
        "load_markets": "9382fde5d0dd",
        "open": "383495a1f1d1",
        "sleep": "77d0ceabb08b",
        "spawn": "617ecc992538",
        "throttle": "69ab979c5111",
        "watch": "2a92cd9fd744",
        "watch_multiple": "f7cd4f34f7ed",
    },
    "ccxt.async_support.base.ws.client:Client": {
        "__init__": "5c3a163a319d",
        "aiohttp_close": "c242d4dec810",
        "close": "85e6991e0fed",
        "closed": "c6231b58e3ee",
        "connect": "493b023eb687",
        "create_connection": "f95b4d73d036",
        "future": "b535702af335",
        "handle_message": "7f9ec65d982e",
        "on_close": "64cf1902c05f",
        "on_error": "fd47f5c442cd",
        "open": "36c1817a28d0",
        "ping_loop": "ef3b8d122e34",
        "receive": "907c85db735b",
        "receive_loop": "63312ab55c29",
        "resolve": "8fa8c596db71",
        "send": "82f5a8bb6744",
    },
    "ccxt.async_support.base.ws.future:Future": {
        "race": "2a887af74578",
        "reject": "df48c6bc13c2",
        "resolve": "2f94a7fded59",
    },
    "ccxt.async_support.base.throttler:Throttler": {
        "__call__": "4bb787a85889",
        "__init__": "03507f117ffa",
        "leaky_bucket_loop": "35f82b6e4ab5",
        "looper": "3543e391d144",
        "rolling_window_loop": "74acfd3e876b",
    },
}
#: What is called or left to run as it is, and counts on what is replaced.
RELIED_ON: dict[str, dict[str, str]] = {
    "ccxt.async_support.base.exchange:BaseExchange": {
        "load_markets_helper": "98cd2f4b59a1",
        "load_order_book": "a36d1418c04b",
        "on_close": "d8fadc969ed8",
        "on_connected": "bd9e6bf7abcb",
        "on_error": "a1d33115bd4e",
        "ws_dial_delay": "a9be851e8f0a",
    },
    "ccxt.base.exchange:BaseExchange": {
        "check_conflicting_proxies": "fcab648ad4fe",
        "check_proxy_settings": "e424d6a944fb",
        "check_proxy_url_settings": "ed8e3fd1b0ab",
        "check_ws_proxy_settings": "353b36e4857d",
        "clean_rest_data": "e35ad933ed13",
        "clean_ws_data": "4160e8dcfe5c",
        "handle_http_status_code": "58009f096fba",
        "init_rest_rate_limiter": "eb1fd42c4af8",
        "is_text_response": "6feb1ef20b62",
        "on_rest_response": "1592e6c265d9",
        "parse_json": "7ffb3cf4997b",
        "prepare_request_headers": "006690b75bde",
        "set_markets": "13c6b65d09f9",
        "url_encoder_for_proxy_url": "a3f741c44906",
    },
    "ccxt.async_support.base.ws.client:Client": {
        "handle_text_or_binary_message": "59152fb1dcbe",
        "reject": "35d7e0a569f6",
        "reset": "deb865ad639c",
        "reusableFuture": "da3018102895",
        "stringify_reset_payload": "7c147ee9a152",
    },
}
#: What a client of ccxt carries, and exchanges read or set.
CLIENT_ATTRIBUTES = (
    *("connected", "connecting", "connection", "connectionEstablished"),
    *("connectionStarted", "connectionTimeout", "decompressBinary", "error"),
    *("futures", "gunzip", "inflate", "isConnected", "keepAlive", "lastPong"),
    *("maxPingPongMisses", "options", "ping", "ping_looper", "rejections"),
    *("subscriptions", "throttle", "url", "verbose"),
    *("on_close_callback", "on_connected_callback", "on_error_callback"),
    "on_message_callback",
)
#: What an exchange of ccxt carries, and the adapter reads or sets.
EXCHANGE_ATTRIBUTES = (
    *("aiohttp_proxy", "aiohttp_trust_env", "cafile", "clients", "closed_by_user"),
    *("enableLastHttpResponse", "enableLastJsonResponse", "enableLastResponseHeaders"),
    *("enableRateLimit", "last_request_headers", "logger", "markets", "markets_by_id"),
    *("has", "last_http_response", "last_json_response", "last_response_headers"),
    *("precisionMode", "timeframes", "urls"),
    *("options", "origin", "returnResponseHeaders", "ssl_context", "streaming"),
    *("throttler", "timeout", "tokenBucket", "verbose", "verify"),
)
#: What is imported from ccxt's modules beside its classes of errors.
IMPORTED = {
    "ccxt.async_support.base.ws.cache": ("BaseCache",),
    "ccxt.async_support.base.ws.client": ("Client", "json_dumps", "json_parser"),
    "ccxt.base.decimal_to_precision": ("SIGNIFICANT_DIGITS", "TICK_SIZE"),
    "ccxt.base.exchange": ("Exchange",),
}
#: Ours, on the same objects: no exchange of ccxt may have a use for them.
OWN_NAMES = (
    *("_ask", "_carrier", "_listeners", "_make_client", "_nursery", "_opened"),
    *("_owner", "_read", "_remember", "_route", "_shared_load", "_spawned"),
    *("_start_spawned", "_tls", "attach", "limiter", "listen", "tap", "unlisten"),
)
#: Names of asyncio that the exchanges' own modules use; `gather.Asyncio` has them.
ASYNCIO_OF_EXCHANGES = frozenset({"gather"})
#: Methods of ccxt's async base class that use asyncio and are not replaced.
ASYNCIO_OF_BASE = {
    "load_order_book": frozenset({"ensure_future"}),  # of client.close(), see gather
    "fetch_paginated_call_deterministic": frozenset({"gather"}),
    "load_markets_and_sign_in": frozenset({"gather"}),
}
#: Modules that ccxt and httpx import at the top and the adapter never needs: the names
#: that are taken from each; None: an optional one.
DEFERRED: dict[str, tuple[str, ...] | None] = {
    "aiohttp": ("WSMsgType",),
    "yarl": (),
    "aiohttp_fast_zlib": None,
    "charset_normalizer": (),  # guesses encodings for requests, which ask nothing here
    "httpx._main": None,  # httpx's command line, which draws in a terminal's colours
}

#: httpx's extension for the exact bytes of a request's target.
TARGET = "target"
#: How httpcore says that a server hung up before it answered.
SERVER_GONE = "Server disconnected without sending a response"
