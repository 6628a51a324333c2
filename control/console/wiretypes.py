"""Writes the console's TypeScript types from the schemas of the API documents.

`python -m control.console.wiretypes` prints what `src/wire/types.ts` must be; a test
holds the two equal, so that a changed field is a failed test and no surprise on a page.
"""

import sys
from collections.abc import Mapping
from typing import Any

from control.documents.asyncapi import asyncapi
from control.documents.openapi import openapi
from control.routes.table import ROUTES

HEAD = """\
// What the engine says, as the API documents have it. Written by
// `python -m control.console.wiretypes`; a test keeps it equal to them.
"""
_PLAIN = {
    "string": "string",
    "integer": "number",
    "number": "number",
    "boolean": "boolean",
    "null": "null",
}


def wire_types() -> str:
    """Return the types of both documents: what REST answers and the stream says."""
    return typescript(
        {
            **openapi(ROUTES)["components"]["schemas"],
            **asyncapi()["components"]["schemas"],
        }
    )


def typescript(schemas: Mapping[str, Mapping[str, Any]]) -> str:
    """Return one exported type for each schema, by name."""
    parts = [_declared(name, schemas[name]) for name in sorted(schemas)]
    return HEAD + "\n" + "\n".join(parts)


def _name(schema: str) -> str:
    """Make an identifier: of `config.preset.Policy` the last two words."""
    *rooms, last = schema.split(".")
    return "".join(room.capitalize() for room in rooms[-1:]) + last


def _declared(schema_name: str, schema: Mapping[str, Any]) -> str:
    name = _name(schema_name)
    if not schema.get("properties"):
        return f"export type {name} = {_type(schema)};\n"
    needed = set(schema.get("required", ()))
    lines = [
        f"  {_key(field)}{'' if field in needed else '?'}: {_type(kind)};\n"
        for field, kind in schema["properties"].items()
    ]
    return f"export interface {name} {{\n{''.join(lines)}}}\n"


def _key(field: str) -> str:
    return field if field.isidentifier() else f'"{field}"'


def _type(schema: Mapping[str, Any]) -> str:
    """Spell one schema; what it does not say is `unknown`."""
    if "$ref" in schema:
        return _name(str(schema["$ref"]).rpartition("/")[2])
    for union in ("anyOf", "oneOf"):
        if union in schema:
            return " | ".join(dict.fromkeys(_type(one) for one in schema[union]))
    if "enum" in schema:
        return " | ".join(_literal(value) for value in schema["enum"])
    if "const" in schema:
        return _literal(schema["const"])
    return _by_kind(schema)


def _by_kind(schema: Mapping[str, Any]) -> str:
    kind = schema.get("type")
    if isinstance(kind, list):
        return " | ".join(_type({**schema, "type": one}) for one in kind)
    if kind == "array":
        return _array(schema)
    if kind == "object":
        return _object(schema)
    return _PLAIN.get(str(kind), "unknown")


def _array(schema: Mapping[str, Any]) -> str:
    if "prefixItems" in schema:
        return f"[{', '.join(_type(item) for item in schema['prefixItems'])}]"
    item = _type(schema.get("items") or {})
    return f"({item})[]" if "|" in item else f"{item}[]"


def _object(schema: Mapping[str, Any]) -> str:
    if "properties" in schema:
        needed = set(schema.get("required", ()))
        fields = "; ".join(
            f"{_key(field)}{'' if field in needed else '?'}: {_type(kind)}"
            for field, kind in schema["properties"].items()
        )
        return f"{{ {fields} }}"
    return f"Record<string, {_type(schema.get('additionalProperties') or {})}>"


def _literal(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value).lower()


if __name__ == "__main__":
    sys.stdout.write(wire_types())
