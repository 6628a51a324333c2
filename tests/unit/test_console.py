"""The console as it is served: addresses, caches, and the plain page without it."""

import gzip
import re
from pathlib import Path

import pytest
from starlette.applications import Starlette

from control.console import NEVER_BUILT, PAGES, console_routes
from control.console.wiretypes import typescript, wire_types
from tests.planes import Answer, request

CONSOLE = Path(__file__).parents[2] / "control" / "console"


@pytest.fixture
def built(tmp_path: Path) -> Path:
    """A console as a build leaves it, with a neighbour that is nobody's business."""
    dist = tmp_path / "dist"
    (dist / "assets").mkdir(parents=True)
    (dist / "index.html").write_text("<title>console</title>")
    (dist / "mark.svg").write_text("<svg/>")
    (dist / "stamp.txt").write_text("0")
    (dist / "assets" / "index-1f.js").write_text("export {};" * 100)
    (dist / "assets" / "index-1f.css").write_text("body{}")
    (tmp_path / "secret.txt").write_text("secret")
    return dist


async def get(dist: Path, path: str, encodings: str = "") -> Answer:
    app = Starlette(routes=console_routes(dist))
    return await request(app, "GET", path, b"", {"accept-encoding": encodings})


@pytest.mark.parametrize("path", ["/", *(f"/{name}" for name in PAGES)])
async def test_every_page_is_the_one_file_asked_for_anew(
    built: Path, path: str
) -> None:
    answer = await get(built, path)
    assert answer.body == b"<title>console</title>"
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.headers["cache-control"] == "no-cache"


async def test_an_address_may_name_a_symbol(built: Path) -> None:
    answer = await get(built, "/symbols/BTC/USDT:USDT")
    assert answer.body == b"<title>console</title>"


async def test_an_asset_is_kept_for_ever_with_its_media_type(built: Path) -> None:
    answer = await get(built, "/assets/index-1f.js")
    assert answer.headers["content-type"].startswith("text/javascript")
    assert "immutable" in answer.headers["cache-control"]
    style = await get(built, "/assets/index-1f.css")
    assert style.headers["content-type"].startswith("text/css")


async def test_who_can_unpack_gets_it_packed(built: Path) -> None:
    packed = await get(built, "/assets/index-1f.js", "gzip, br")
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(packed.body) == b"export {};" * 100
    plain = await get(built, "/assets/index-1f.js")
    assert "content-encoding" not in plain.headers
    assert plain.body == b"export {};" * 100


@pytest.mark.parametrize(
    "path",
    [
        "/../secret.txt",
        "/assets/../../secret.txt",
        "//secret.txt",
        "/assets/index-1f.js/",
        "/stamp.txt",
        "/assets/",
        "/nowhere",
    ],
)
async def test_nothing_else_is_served(built: Path, path: str) -> None:
    answer = await get(built, path)
    assert answer.status in {307, 404}
    assert b"secret" not in answer.body


async def test_the_plain_page_says_why_there_is_no_console(tmp_path: Path) -> None:
    (tmp_path / "why-not.txt").write_text("npm ci failed: <no network>\n")
    page = (await get(tmp_path, "/")).body.decode()
    assert "npm ci failed: &lt;no network&gt;" in page
    assert "{{" not in page


async def test_the_plain_page_stands_where_nothing_was_built(tmp_path: Path) -> None:
    assert NEVER_BUILT in (await get(tmp_path, "/")).body.decode()


def test_server_and_console_know_the_same_pages() -> None:
    source = (CONSOLE / "src" / "pages.ts").read_text()
    listed = re.findall(r'\{ path: "(\w*)"', source)
    assert listed == ["", *PAGES]


def test_the_consoles_types_are_those_of_the_documents() -> None:
    """Else: python -m control.console.wiretypes > control/console/src/wire/types.ts."""
    assert (CONSOLE / "src" / "wire" / "types.ts").read_text() == wire_types()


def test_types_spell_what_json_schema_can_say() -> None:
    text = typescript(
        {
            "a.b.Row": {
                "properties": {
                    "id": {"type": "string"},
                    "kind": {"$ref": "#/components/schemas/Kind"},
                    "price": {"anyOf": [{"type": "number"}, {"type": "null"}]},
                    "pair": {
                        "type": "array",
                        "prefixItems": [{"type": "string"}, {"type": "integer"}],
                    },
                    "counts": {
                        "type": "object",
                        "additionalProperties": {"type": "integer"},
                    },
                    "maybe": {"type": "boolean"},
                },
                "required": ["id", "kind", "price", "pair", "counts"],
            },
            "Kind": {"enum": ["a", "b"]},
        }
    )
    assert 'export type Kind = "a" | "b";' in text
    assert "export interface BRow {" in text
    assert "  price: number | null;" in text
    assert "  pair: [string, number];" in text
    assert "  counts: Record<string, number>;" in text
    assert "  maybe?: boolean;" in text
