"""By which names and from which pages an engine may be called."""

import pytest

from config.settings import ControlGroup
from control.door.whereabouts import whereabouts
from control.errors import CannotServe
from control.plane import gate_settings

TLS = {"tls_certificate": "cert.pem", "tls_key": "key.pem"}


def test_on_loopback_it_is_called_by_loopbacks_names_in_clear() -> None:
    found = whereabouts(ControlGroup())
    assert set(found.names) == {"127.0.0.1", "localhost", "[::1]"}
    assert "http://localhost:8000" in found.origins
    assert all(origin.startswith("http://") for origin in found.origins)
    assert found.address(8000) == "http://127.0.0.1:8000"
    assert gate_settings(ControlGroup()).secure is False


def test_with_tls_every_origin_and_link_is_https_and_the_cookie_secure() -> None:
    settings = ControlGroup(
        host="192.0.2.7", port=443, hosts="Engine.example, other.example", **TLS
    )
    found = whereabouts(settings)
    assert found.tls == ("cert.pem", "key.pem")
    assert {"engine.example", "other.example", "192.0.2.7"} <= set(found.names)
    assert "https://engine.example" in found.origins  # a browser leaves 443 out
    assert all(origin.startswith("https://") for origin in found.origins)
    assert found.address(443) == "https://engine.example"
    assert gate_settings(settings).secure is True
    assert gate_settings(settings).origins == found.origins


def test_pages_of_others_are_only_those_that_are_named() -> None:
    settings = ControlGroup(origins="https://desk.example:8443")
    assert "https://desk.example:8443" in whereabouts(settings).origins
    assert "https://desk.example" not in whereabouts(settings).origins


def test_an_address_for_all_interfaces_is_no_name_for_a_link() -> None:
    found = whereabouts(ControlGroup(host="0.0.0.0"))
    assert found.address(80) == "http://127.0.0.1"
    assert whereabouts(ControlGroup(host="::1")).address(81) == "http://[::1]:81"


@pytest.mark.parametrize("half", TLS)
def test_half_of_a_certificate_is_refused_by_name(half: str) -> None:
    other = next(name for name in TLS if name != half)
    with pytest.raises(CannotServe, match=other):
        whereabouts(ControlGroup(**{half: TLS[half]}))
