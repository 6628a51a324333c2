"""Where the engine is called: its names, its own pages' origins, TLS or not."""

import msgspec

from config.settings import ControlGroup
from control.errors import CannotServe

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
EVERYWHERE = frozenset({"0.0.0.0", "::"})  # noqa: S104 - to know it, not to bind it
USUAL_PORT = {"http": 80, "https": 443}


class Whereabouts(msgspec.Struct, frozen=True):
    """How a browser spells this engine."""

    names: tuple[str, ...]
    origins: tuple[str, ...]
    tls: tuple[str, str] | None  # certificate and key
    called: str  # the name for a link

    def address(self, port: int) -> str:
        """Spell the engine's address as a person would type it."""
        return spelled("http" if self.tls is None else "https", self.called, port)


def whereabouts(settings: ControlGroup) -> Whereabouts:
    """Join what is bound and what is configured; raises CannotServe."""
    tls = _tls(settings)
    scheme = "http" if tls is None else "https"
    bound = f"[{settings.host}]" if ":" in settings.host else settings.host
    given = _listed(settings.hosts)
    names = tuple(dict.fromkeys((*given, bound, *LOOPBACK)))
    own = tuple(spelled(scheme, name, settings.port) for name in names)
    everywhere = settings.host in EVERYWHERE
    fallback = LOOPBACK[0] if everywhere else bound
    return Whereabouts(
        names=names,
        origins=(*own, *_listed(settings.origins)),
        tls=tls,
        called=given[0] if given else fallback,
    )


def spelled(scheme: str, name: str, port: int) -> str:
    """Spell an origin as a browser does: without the scheme's usual port."""
    usual = USUAL_PORT[scheme] == port
    return f"{scheme}://{name}" if usual else f"{scheme}://{name}:{port}"


def _tls(settings: ControlGroup) -> tuple[str, str] | None:
    certificate, key = settings.tls_certificate, settings.tls_key
    if bool(certificate) != bool(key):
        missing = "tls_key" if certificate else "tls_certificate"
        msg = (
            f"control.{missing} is empty: TLS takes two PEM files; give the "
            "certificate and its key, or neither"
        )
        raise CannotServe(msg)
    return (certificate, key) if certificate else None


def _listed(text: str) -> tuple[str, ...]:
    return tuple(part.strip().lower() for part in text.split(",") if part.strip())
