"""What an exchange's answer to an order or a cancel proves, and nothing more.

An order whose answer is read too kindly is lost: it lives at the exchange while the
books say that it does not. So each exchange has a table of the codes that it documents
as "not taken", and whatever the table does not list is Unknown: time-outs, resets,
every 5XX, answers that cannot be parsed, a cancelled caller, codes nobody wrote down.
Unknown costs a question and some patience; a wrong Refused costs the account.

Rejected: the error classes of the exchange library. They put "surely not executed" and
"nobody knows" under one class, and differ between an exchange's own sub-markets.

Never proof, whatever the table says: an answer with HTTP 408 or 5XX, and a duplicate
client id (it says that an order with our id is there). On cancel the only Refused is
"no such live order": it may have filled, so it proves nothing about fills.
"""

from enum import StrEnum

import msgspec

from actors.domain.orders import Outcome, Placed, Refused, Unknown


class Act(StrEnum):
    """What was asked of the exchange."""

    PLACE = "place"
    CANCEL = "cancel"


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What came back, as the adapter read it.

    `error` names the class of what kept a whole answer from being read: a time-out, a
    reset, a parse error, a cancellation. With several codes in one answer the adapter
    gives none. `exchange_id` is only set from a body that says the request was taken.
    """

    status: int | None = None  # HTTP; None: no answer
    code: str = ""  # the exchange's own, of this order and not of its batch
    text: str = ""
    error: str = ""  # "": a whole answer was read
    exchange_id: str = ""


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """What one exchange documents: codes, each alone or with words it must contain."""

    taken: frozenset[str] = frozenset()  # codes of an answer that took the request
    place: frozenset[str] = frozenset()  # the order was not taken
    cancel: frozenset[str] = frozenset()  # there is no such live order
    #: A code that covers several causes is proof only without, or with, these words.
    unless: dict[str, str] = {}
    only: dict[str, str] = {}

    def proves(self, code: str, text: str, codes: frozenset[str]) -> bool:
        """Whether a code, or the one before its details, is among `codes`."""
        listed = next((c for c in codes if code == c or code.startswith(f"{c}:")), None)
        if listed is None:
            return False
        words, spoken = self.unless.get(listed), text.lower()
        if words is not None and words in spoken:
            return False
        return self.only.get(listed, "") in spoken


#: "10xx" and "11xx": judged by the gateway or its parameter checks, before matching.
#: https://github.com/binance/binance-spot-api-docs/blob/master/errors.md and
#: https://developers.binance.com/docs/derivatives/usds-margined-futures/error-code
#: Not listed although they look like refusals: -1000, -1001 (may be internal), -1006
#: and -1007 ("execution status unknown"), -1008 and -1016 (say nothing of the order).
_BINANCE_REQUEST = frozenset(
    {
        "-1002",  # not authorized
        # "Requests fail with HTTP status code 429 when you exceed the request rate
        # limit"; 418 is the ban after it (rest-api limits). A 429 or 418 without this
        # code may come from anything on the way, and proves nothing.
        "-1003",
        "-1015",  # too many new orders: this one is not taken
        "-1013",  # "the request didn't reach the Matching Engine"
        "-1014",  # unsupported order combination
        "-1020",  # unsupported operation
        "-1021",  # outside of recvWindow, at the gateway or just before matching
        "-1022",  # invalid signature
        *("-1100", "-1101", "-1102", "-1103", "-1104", "-1105", "-1106"),  # parameters
        "-1111",  # too much precision
        *("-1114", "-1115", "-1116", "-1117", "-1118"),  # time in force, type, side, id
        "-1121",  # invalid symbol
        *("-1128", "-1130"),  # combination of parameters, invalid parameter
        *("-2014", "-2015"),  # API key
    }
)
_BINANCE = Table(
    taken=frozenset({""}),
    place=_BINANCE_REQUEST | {"-2010"},  # NEW_ORDER_REJECTED by the matching engine
    cancel=frozenset({"-2011", "-2013"}),
    unless={"-2010": "duplicate"},  # "Duplicate order sent.": the id is in use
    only={"-2011": "unknown order"},  # other causes of it leave the order alive
)
#: -4116 (duplicate client order id) and -2020 ("unable to fill") prove nothing.
_BINANCE_USDM = Table(
    taken=frozenset({""}),
    place=_BINANCE_REQUEST
    | {
        "-2010",
        *("-2018", "-2019"),  # balance, margin
        "-2021",  # would immediately trigger
        "-2022",  # reduce-only is rejected
        *("-2023", "-2024", "-2025", "-2026", "-2027"),  # liquidation .. leverage
        *("-4001", "-4002", "-4003", "-4004", "-4005", "-4006", "-4007"),  # filters
        *("-4013", "-4014", "-4015", "-4016", "-4023", "-4024"),  # price, id, step
        "-4045",  # too many stop orders
        *("-4061", "-4062"),  # position side, reduce-only value
        *("-4112", "-4131"),  # reduce-only check failed, market order rejected
        "-4164",  # notional below the minimum
        *("-4183", "-4184", "-4192"),  # stop price limits, cooling-off period
        *("-5021", "-5022"),  # fill-or-kill, post-only: rejected
        "-5028",  # outside of the matching engine's recvWindow
    },
    cancel=frozenset({"-2011", "-2013"}),
    unless={"-2010": "duplicate"},
    only={"-2011": "unknown order"},
)
#: https://bybit-exchange.github.io/docs/v5/error
#: Not listed: 10000 and 10016 (server), 10006 and 10018 (limits: nothing is said of
#: the order), 10014, 110072, 170141 (duplicates: an order with our id is there).
_BYBIT = Table(
    taken=frozenset({"0"}),
    place=frozenset(
        {
            "10001",  # request parameter error
            "10002",  # outside of the time window
            *("10003", "10004", "10005", "10010"),  # key, sign, permission, address
            *("10024", "10027"),  # compliance, trading banned
            "110003",  # price out of the permissible range
            *("110004", "110006", "110007", "110012"),  # balance, margin
            *("110009", "110020", "110021"),  # too many stops, orders, open interest
            "110017",  # reduce-only rule not satisfied
            "110023",  # only reductions of this contract
            *("110044", "110045", "110094"),  # margin, balance, notional minimum
            *("110092", "110093"),  # trigger price on the wrong side
            *("170115", "170116", "170117", "170121"),  # force, type, side, symbol
            *("170124", "170130", "170131"),  # amount, parameter, balance
            *("170132", "170133", "170134"),  # price
            *("170135", "170136", "170137", "170140"),  # quantity, notional
            *("170210", "170218"),  # rejected, post-only rejected
        }
    ),
    cancel=frozenset(
        {
            "110001",  # order does not exist
            *("110008", "110010"),  # finished or cancelled, already cancelled
            "170213",  # spot: order does not exist
        }
    ),
)
#: https://www.okx.com/docs-v5/en/#error-code (the order's own sCode)
#: Not listed: 50001, 50013, 50026 (system), 50004 ("does not mean that the request was
#: successful or failed"), 50011 and 50061 (limits), 51011 and 51016 (duplicate id).
_OKX = Table(
    taken=frozenset({"0"}),
    place=frozenset(
        {
            *("50014", "50027", "50030"),  # parameter, restricted account, permission
            *("50036", "50037"),  # expTime invalid, or passed before it was taken
            "50102",  # timestamp expired
            *("50103", "50104", "50105", "50106", "50107"),  # headers
            *("50110", "50111", "50112", "50113", "50114"),  # address, key, signature
            *("51000", "51001", "51003"),  # parameter, instrument, id missing
            *("51004", "51005", "51006", "51007"),  # amount, price limits
            *("51008", "51119", "51127", "51131"),  # balance
            *("51009", "51010", "51024"),  # blocked, account mode
            "51020",  # under the least amount
            *("51112", "51116", "51121"),  # over what is held, price, lot size
            *("51202", "51203", "51205"),  # amounts, reduce-only not available
            *("51277", "51278", "51279", "51280"),  # trigger on the wrong side
        }
    ),
    cancel=frozenset(
        {
            "51400",  # the order does not exist
            "51401",  # already cancelled
            "51402",  # already completed
        }
    ),
)
#: https://docs.kraken.com/api/docs/guides/spot-errors ("if `error` is non-empty, the
#: request failed"). Details may follow a code after a colon. Not listed: EService
#: (Unavailable, Busy, Deadline elapsed), EGeneral:Internal error, and "EOrder:Reduce
#: only:Position is closed", which first matches "as much as possible".
_KRAKEN = Table(
    taken=frozenset({""}),
    place=frozenset(
        {
            *("EAPI:Invalid key", "EAPI:Invalid signature", "EAPI:Invalid nonce"),
            *("EGeneral:Permission denied", "EGeneral:Invalid arguments"),
            "EGeneral:Temporary lockout",
            *("EAccount:Invalid permissions", "EAuth:Account temporary disabled"),
            "EService:Market in cancel_only mode",  # "can't be made at this time"
            "EService:Market in post_only mode",
            *("EOrder:Cannot open opposing position", "EOrder:Cannot open position"),
            *("EOrder:Margin allowance exceeded", "EOrder:Margin level too low"),
            *("EOrder:Margin position size exceeded", "EOrder:Insufficient margin"),
            *("EOrder:Insufficient funds", "EOrder:Order minimum not met"),
            *("EOrder:Cost minimum not met", "EOrder:Tick size check failed"),
            *("EOrder:Orders limit exceeded", "EOrder:Rate limit exceeded"),
            *("EOrder:Invalid price", "EOrder:Domain rate limit exceeded"),
            *("EOrder:Positions limit exceeded", "EOrder:Post only order"),
            *("EOrder:Reduce only:Non-PC", "EOrder:Reduce only:No position exists"),
        }
    ),
    cancel=frozenset({"EOrder:Unknown order"}),
)
#: Our own simulated exchange, when it runs as a process of its own.
_PAPER = Table(
    taken=frozenset({""}),
    place=frozenset({"refused"}),
    cancel=frozenset({"no_such_order"}),
)
TABLES = {
    "binance": _BINANCE,
    "binanceusdm": _BINANCE_USDM,
    "bybit": _BYBIT,
    "okx": _OKX,
    "kraken": _KRAKEN,
    "paper": _PAPER,
}
#: An exchange without a table proves nothing: each of its orders is asked for.
_NOTHING = Table()
_TIMED_OUT, _SERVER_ERROR = 408, 500


def classify(exchange: str, act: Act, answer: Answer) -> Outcome:
    """Say what an answer proves; Unknown whenever it is not in the table."""
    table = TABLES.get(exchange, _NOTHING)
    status = answer.status
    if answer.error:
        return Unknown(f"{answer.error}: {answer.text}".rstrip(": "))
    if status is None:
        return Unknown("no answer")
    if not 200 <= status < _SERVER_ERROR or status == _TIMED_OUT:
        return Unknown(_told(answer))
    if status < 300 and answer.exchange_id and answer.code in table.taken:
        return Placed(answer.exchange_id)
    codes = table.place if act is Act.PLACE else table.cancel
    if not answer.exchange_id and table.proves(answer.code, answer.text, codes):
        return Refused(_told(answer))
    return Unknown(_told(answer))


def _told(answer: Answer) -> str:
    """Give the reason in the exchange's own words: status, code and text."""
    return " ".join(filter(None, (f"HTTP {answer.status}", answer.code, answer.text)))
