"""An exchange's own word in an answer of HTTP status 200 that is an error.

Bybit and OKX answer so. Each code stands here for the HTTP status that others would
have sent: what follows from a status is written in one place, the gate's table of
faults, and it reads this error as it reads any that carries a response.
"""

from collections.abc import Mapping

import msgspec

from actors.domain.errors import ExchangeError

TEXT_MAX = 200
#: Of a code that no table lists: what was asked for is at fault.
REQUEST = 400

#: https://bybit-exchange.github.io/docs/v5/error
BYBIT: Mapping[int, int] = {
    10000: 500,  # server timeout
    10006: 429,  # too many visits
    10009: 418,  # the address is banned
    10016: 500,  # server error
    10018: 429,  # too many visits of this address
}
#: https://www.okx.com/docs-v5/en/#error-code-rest-api
OKX: Mapping[int, int] = {
    50001: 503,  # service temporarily unavailable
    50011: 429,  # rate limit
    50013: 503,  # systems are busy
    50026: 500,  # system error
    50061: 429,  # an account's rate limit
}


class Meant(msgspec.Struct, frozen=True):
    """The HTTP response that a code stands for."""

    status_code: int


class CodeError(ExchangeError):
    """The exchange answered, with a code of its own that is an error."""

    def __init__(
        self, exchange: str, code: int, text: str, meant: Mapping[int, int]
    ) -> None:
        super().__init__(f"{exchange} answered {code}: {text[:TEXT_MAX]}")
        self.response = Meant(meant.get(code, REQUEST))
