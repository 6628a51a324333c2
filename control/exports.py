"""Exports: rows as a file that a spreadsheet opens without being commanded by it."""

import csv
import io
from collections.abc import Iterable
from typing import Any

import msgspec
from starlette.responses import Response

FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r")


def attachment(name: str, kind: type[msgspec.Struct], rows: Iterable[Any]) -> Response:
    """Answer with a CSV file of the contract's column names."""
    headers = {
        "content-disposition": f'attachment; filename="{name}"',
        "cache-control": "no-store",
    }
    return Response(csv_text(kind, rows), headers=headers, media_type="text/csv")


def csv_text(kind: type[msgspec.Struct], rows: Iterable[Any]) -> str:
    """Write rows as CSV (RFC 4180); text that would be a formula gets a quote."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(kind.__struct_encode_fields__)
    for row in rows:
        writer.writerow(_cell(value) for value in msgspec.structs.astuple(row))
    return text.getvalue()


def _cell(value: Any) -> Any:
    """Numbers stay as they are; text never begins as a formula does."""
    if isinstance(value, str) and value.startswith(FORMULA_SIGNS):
        return f"'{value}"
    return "" if value is None else value
