"""Looks at what reaches the engine and what it reaches: port, console, notices."""

import http.client
import os
import socket
from collections.abc import Iterator
from importlib.resources import files

from config.errors import ConfigError
from config.secrets import find_secret
from control.doctor.finding import Finding, Patient, bad, ok, warn
from control.door.server import is_loopback
from control.notices.channels import open_channels
from control.vitals.heartbeat import target_of

SECONDS_MAX = 3.0


def port(patient: Patient) -> Iterator[Finding]:
    """Whether the control plane can listen where it is meant to."""
    host, number = patient.settings.control.host, patient.settings.control.port
    if number == 0:
        yield ok("port", "0: no control plane is wanted")
        return
    if not is_loopback(host):
        remedy = "keep 127.0.0.1 and use an SSH tunnel, or give TLS files"
        yield warn("address", f"{host} can be reached from outside", remedy)
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.create_server((host, number), family=family):
            yield ok("port", f"{host}:{number} is free")
    except OSError as error:
        yield _taken(host, number, error)


def _taken(host: str, number: int, error: OSError) -> Finding:
    """Tell an engine that runs there from a stranger."""
    there = http.client.HTTPConnection(host, number, timeout=SECONDS_MAX)
    try:
        there.request("GET", "/health/live")
        lives = there.getresponse().read(64) == b'{"ok":true}'
    except (OSError, http.client.HTTPException):
        lives = False
    finally:
        there.close()
    if lives:
        return ok("port", f"an engine answers at {host}:{number}")
    remedy = "end what uses it, or choose another with --port"
    return bad("port", f"{host}:{number} cannot be had: {error.strerror}", remedy)


def console(_: Patient) -> Iterator[Finding]:
    """Whether the web console was built into this installation."""
    built = files("control").joinpath("console", "dist", "index.html")
    if built.is_file():
        yield ok("console", "built")
    else:
        remedy = "install the engine anew with pip, on a machine that Node runs on"
        yield warn("console", "not built: a plain page is shown", remedy)


def notices(patient: Patient) -> Iterator[Finding]:
    """Whether people are told of anything."""
    given = patient.settings.notices
    try:
        urls = find_secret("notices_urls", patient.environment, given.urls_file)
        channels = open_channels(given, urls)
    except ConfigError as error:
        yield bad("notices", str(error), "correct it; see config/outside.py")
        return
    if channels:
        tags = ", ".join(f"{c.tag} from {c.minimum} on" for c in channels)
        yield ok("notices", f"{tags}; try them with `breakout notices test`")
    elif urls is not None:
        remedy = "list their schemes in notices.schemes"
        yield bad("notices", "there are urls, but no scheme is allowed", remedy)
    else:
        remedy = "put `tag=url` lines into BREAKOUT_NOTICES_URLS or a file of 0600"
        yield warn("notices", "nobody is told of anything", remedy)


def heartbeat(patient: Patient) -> Iterator[Finding]:
    """Whether somebody elsewhere would notice that this machine is gone."""
    given = patient.settings.heartbeat
    try:
        url = find_secret("heartbeat_url", patient.environment, given.url_file)
        target = None if url is None else target_of(url)
    except ConfigError as error:
        yield bad("heartbeat", str(error), "correct it; see config/outside.py")
        return
    if target is None:
        remedy = "give BREAKOUT_HEARTBEAT_URL: a process cannot report its own death"
        yield warn("heartbeat", "no watchdog elsewhere hears this engine", remedy)
        return
    where = (target.host, target.port or 443)
    try:
        with socket.create_connection(where, SECONDS_MAX):
            yield ok("heartbeat", f"{target.host} can be reached")
    except OSError as error:
        remedy = "see the network, the proxy, and the firewall"
        yield bad("heartbeat", f"{target.host} cannot be reached: {error}", remedy)


def service(patient: Patient) -> Iterator[Finding]:
    """Whether somebody starts the engine again when it falls."""
    if patient.environment.get("NOTIFY_SOCKET"):
        yield ok("service", "systemd watches this process")
    elif os.getpid() == 1 or patient.environment.get("container"):
        yield ok("service", "a container: its engine starts it again")
    else:
        remedy = "docs/deploy/breakout.service starts it again when it falls"
        yield warn("service", "nobody starts it again when it falls", remedy)
