"""Idempotency keys: a repeated command gives its first answer and acts once."""

import hashlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable

import msgspec
import trio

from actors.domain.messages import CommandAnswer
from control.errors import Refused

ANSWERS_KEPT_MAX = 1024
KEY_LENGTH_MAX = 128
UNAVAILABLE = 503  # nobody answered in time: it may still be done


class _Kept(msgspec.Struct):
    """One key's first request and, once it is there, its answer."""

    digest: bytes
    done: trio.Event
    answer: CommandAnswer | None = None


class Repeats:
    """Idempotency keys: the same key gives the first answer, without acting again.

    A key with another body is refused (400): it is a client's mistake, and either
    answer would be a lie. A first try that was interrupted leaves its outcome
    unknown; the key then says so for good rather than acting a second time.
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, str], _Kept] = OrderedDict()

    async def once(
        self,
        key: tuple[str, str],
        request: bytes,
        act: Callable[[], Awaitable[CommandAnswer]],
        *,
        harmless: bool = False,
    ) -> CommandAnswer:
        """Act, or return what acting gave before; raises Refused.

        `harmless`: acting twice is acting once, so a 503 does not hold the key.
        """
        if not 0 < len(key[1]) <= KEY_LENGTH_MAX:
            msg = f"Idempotency-Key has {len(key[1])} characters, 1..{KEY_LENGTH_MAX}"
            raise Refused(400, msg)
        digest = hashlib.sha256(request).digest()
        kept = self._kept.get(key)
        if kept is None:
            kept = _Kept(digest, trio.Event())
            return await self._first(key, kept, act, harmless=harmless)
        if kept.digest != digest:
            msg = f"Idempotency-Key {key[1]!r} came before with another request"
            raise Refused(400, msg)
        await kept.done.wait()
        if kept.answer is None:
            msg = (
                f"the first request with Idempotency-Key {key[1]!r} was interrupted: "
                "its outcome is unknown, see GET /status, then use a new key"
            )
            raise Refused(503, msg, 1)
        if kept.answer.code == UNAVAILABLE:
            msg = f"{kept.answer.message}; see GET /status, then use a new key"
            return msgspec.structs.replace(kept.answer, message=msg)
        return kept.answer

    async def _first(
        self,
        key: tuple[str, str],
        kept: _Kept,
        act: Callable[[], Awaitable[CommandAnswer]],
        *,
        harmless: bool,
    ) -> CommandAnswer:
        while len(self._kept) >= ANSWERS_KEPT_MAX:
            self._kept.popitem(last=False)
        self._kept[key] = kept
        try:
            kept.answer = await act()
        except Refused:
            del self._kept[key]  # the engine was never asked: the key is free again
            raise
        else:
            if harmless and kept.answer.code == UNAVAILABLE:
                del self._kept[key]
        finally:
            kept.done.set()
        return kept.answer
