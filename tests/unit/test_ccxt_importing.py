"""Importing one exchange loads that exchange; each test is a process of its own."""

import subprocess
import sys


def run(program: str) -> str:
    command = [sys.executable, "-W", "error", "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return (done.stdout + done.stderr).strip()


def test_one_exchange_loads_a_few_modules_and_no_aiohttp() -> None:
    program = """
import sys
from actors.exchange.ccxtrio import exchange_class
exchange_class("binance")({})
mine = [name for name in sys.modules if name.startswith("ccxt.")]
exchanges = [n for n in mine if n.count(".") == 2 and "base" not in n]
heavy = {"aiohttp", "yarl", "rich", "websockets", "uvloop", "charset_normalizer"}
heavy &= set(sys.modules)
print(len(mine) < 40, sorted(exchanges), heavy)
"""
    ours = "['ccxt.abstract.binance', 'ccxt.async_support.binance', 'ccxt.pro.binance']"
    assert run(program) == f"True {ours} set()"


def test_a_subclass_of_another_exchange_finds_its_class() -> None:
    program = """
from actors.exchange.ccxtrio import exchange_class
for name in ("binanceusdm", "gateeu", "bequant", "myokx"):
    cls = exchange_class(name)
    print(cls({}).id)
"""
    assert run(program).split() == ["binanceusdm", "gateeu", "bequant", "myokx"]


def test_the_packages_give_what_their_own_init_gives() -> None:
    program = """
import actors.exchange.ccxtrio
import ccxt, ccxt.pro, ccxt.async_support
from ccxt import NetworkError, Precise, TICK_SIZE, Exchange
print(ccxt.pro.kraken.__name__, ccxt.async_support.kraken.__name__)
print(ccxt.errors.NetworkError is NetworkError, ccxt.__version__)
print(hasattr(ccxt, "no_such_name"))
"""
    first, second, third = run(program).splitlines()
    assert first == "kraken kraken"
    assert second.startswith("True 4.")
    assert third == "False"


def test_what_was_deferred_is_the_real_thing_when_somebody_wants_it() -> None:
    program = """
import actors.exchange.ccxtrio
from ccxt.async_support.base import exchange
from ccxt.async_support.base.ws import client
import aiohttp
print(exchange.aiohttp.ClientError is aiohttp.ClientError)
print(client.WSMsgType.TEXT is aiohttp.WSMsgType.TEXT)
import charset_normalizer, requests.compat
print(requests.compat.chardet is not charset_normalizer)
print(requests.compat.chardet.detect is charset_normalizer.detect)
print(requests.compat.chardet.__version__ == charset_normalizer.__version__)
"""
    assert run(program).split() == ["True"] * 5


def test_ccxt_imported_too_early_is_refused_in_words() -> None:
    program = """
import warnings
warnings.simplefilter("ignore")
import ccxt
import actors.exchange.ccxtrio
"""
    assert "ccxt was imported before its adapter" in run(program)
