"""JSON schemas from the msgspec types, as both documents need them.

msgspec says what it would decode; a document of answers must say what is encoded. So
in answers every field is required, nothing else is in them, and a Decimal is a number.
"""

import inspect
import re
from collections.abc import Iterable
from typing import Any

import msgspec

REF = "#/components/schemas/"
Schema = dict[str, Any]
_GENERIC = re.compile(r"(Items|Page)_(\w+)_")


def components(
    answers: Iterable[Any], asked: Iterable[Any]
) -> tuple[list[Schema], list[Schema], dict[str, Schema]]:
    """Return the schemas of answers and of what is asked, and their components."""
    given, shown = _made(list(answers))
    wanted, taken = _made(list(asked))
    shown = {name: _whole(schema) for name, schema in shown.items()}
    clash = {name for name in taken.keys() & shown.keys() if taken[name] != shown[name]}
    renamed = {f"{REF}{name}": f"{REF}{name}Input" for name in clash}
    taken = {
        f"{name}Input" if name in clash else name: _renamed(schema, renamed)
        for name, schema in taken.items()
    }
    return given, [_renamed(one, renamed) for one in wanted], shown | taken


def fields_of(kind: type[msgspec.Struct]) -> dict[str, Schema]:
    """Return the schema of each field of a flat struct, by its name on the wire."""
    schema = msgspec.json.schema(kind)
    properties: dict[str, Schema] = schema["$defs"][kind.__name__]["properties"]
    return properties


def _made(kinds: list[Any]) -> tuple[list[Schema], dict[str, Schema]]:
    schemas, parts = msgspec.json.schema_components(
        kinds, ref_template=f"{REF}{{name}}"
    )
    named = {_name(name): _clean(part) for name, part in parts.items()}
    return [_clean(schema) for schema in schemas], named


def _name(name: str) -> str:
    return _GENERIC.sub(r"\2\1", name)


def _clean(part: Any) -> Any:
    """Write Decimals as numbers with their bounds, and generic names plainly."""
    if isinstance(part, list):
        return [_clean(item) for item in part]
    if not isinstance(part, dict):
        return part
    part = {key: _clean(item) for key, item in part.items()}
    if part.get("format") == "decimal":
        del part["format"]
        part["type"] = "number"
    if isinstance(default := part.get("default"), str) and _is_number(part):
        part["default"] = float(default)
    if isinstance(part.get("title"), str):
        part["title"] = re.sub(r"(\w+)\[(\w+)\]", r"\2\1", part["title"])
    if isinstance(part.get("description"), str):
        part["description"] = inspect.cleandoc(part["description"])
    if "$ref" in part:
        part["$ref"] = _name(part["$ref"])
    return part


def _is_number(part: Schema) -> bool:
    kinds = [part, *part.get("anyOf", ())]
    return any(kind.get("type") == "number" for kind in kinds)


def _whole(schema: Schema) -> Schema:
    """Require what an answer always has: every field, save one that may be unset."""
    fields = schema.get("properties")
    if not fields:
        return schema
    always = set(schema.get("required", ()))
    always |= {name for name, field in fields.items() if "default" in field}
    bare = {
        name: {key: part for key, part in field.items() if key != "default"}
        for name, field in fields.items()
    }
    required = [name for name in fields if name in always]
    return schema | {
        "properties": bare,
        "required": required,
        "additionalProperties": False,
    }


def _renamed(part: Any, names: dict[str, str]) -> Any:
    if isinstance(part, list):
        return [_renamed(item, names) for item in part]
    if not isinstance(part, dict):
        return part
    return {
        key: names.get(item, item) if key == "$ref" else _renamed(item, names)
        for key, item in part.items()
    }
