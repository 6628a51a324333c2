"""The engine of a live day with a control plane, and with knobs of a test's own."""

import sys
from typing import Any

import msgspec

from config.sources import load_settings
from control.shell.options import RunOptions
from control.shell.run import run_engine
from tests.live_day import engine


class Child(msgspec.Struct, frozen=True):
    """What a test's engine is to do."""

    wish: engine.Wish
    settings: dict[str, Any]
    start: bool = True


def main() -> int:
    child = msgspec.json.decode(sys.argv[1], type=Child)
    sys.argv[1] = msgspec.json.encode(child.wish).decode()
    settings = engine.settings_of(child.wish) | child.settings

    async def run(options: RunOptions) -> int:
        chosen = {"settings": load_settings(overrides=settings), "start": child.start}
        return await run_engine(msgspec.structs.replace(options, **chosen))

    engine.run_engine = run
    return engine.main()


if __name__ == "__main__":
    sys.exit(main())
