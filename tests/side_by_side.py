"""Which tests may run beside which, when pytest is given two workers (`-n 2`).

Tests of real processes, sockets and browsers wait for what happens in real time: they
run one after the other on one worker, so that they never wait for each other. All else
runs beside them, a file at a time, for fixtures of a module are made once.
"""

from xdist.scheduler import LoadScopeScheduling

REAL_TIME = (
    *("tests/browser/", "tests/live_day/", "tests/loopback/", "tests/wire/"),
    "tests/unit/test_cli_run.py",
)
#: Real processes that nothing waits for but their end.
AT_ANY_TIME = ("tests/wire/test_engine_recorded.py", "tests/wire/test_schema.py")


class SideBySide(LoadScopeScheduling):
    """Gives the workers whole files, and all of real time to one of them."""

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.partition("::")[0]
        alone = path.startswith(REAL_TIME) and path not in AT_ANY_TIME
        return "in real time" if alone else path
