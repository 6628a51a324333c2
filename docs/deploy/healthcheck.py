"""Asks the engine of this container whether it lives: exit 0 yes, 1 no.

Only the standard library: it runs twice a minute and must not load the engine.
"""

import http.client
import os
import ssl
import sys

SECONDS_MAX = 4.0


def lives() -> bool:
    """Ask on loopback, with TLS where the engine has it."""
    port = int(os.environ.get("BREAKOUT_CONTROL_PORT", "8000"))
    if os.environ.get("BREAKOUT_CONTROL_TLS_CERTIFICATE"):
        # Its certificate names the outside; on loopback there is nobody between.
        trust = ssl._create_unverified_context()  # noqa: S323, SLF001
        there = http.client.HTTPSConnection(
            "127.0.0.1", port, timeout=SECONDS_MAX, context=trust
        )
    else:
        there = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS_MAX)
    try:
        there.request("GET", "/health/live")
        return there.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException) as fault:
        sys.stderr.write(f"{fault}\n")
        return False
    finally:
        there.close()


if __name__ == "__main__":
    sys.exit(0 if lives() else 1)
