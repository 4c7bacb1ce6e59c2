"""The contract, as JSON and as a page that needs nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

import msgspec

Json = dict[str, Any]
STYLE = """
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;
color:#1b1f24;background:#fff}h1,h2{line-height:1.2}h2{margin-top:2.5rem;border-top:1px solid
#d0d7de;padding-top:1.5rem}code,pre{font:14px/1.5 ui-monospace,monospace;background:#f3f5f7;
border-radius:4px}code{padding:1px 4px}pre{padding:.8rem;overflow:auto}table{border-collapse:
collapse;width:100%}td,th{text-align:left;vertical-align:top;padding:.3rem .6rem .3rem 0;
border-bottom:1px solid #e5e8eb}.verb{color:#0b5fa5}.note{color:#57606a}
@media(prefers-color-scheme:dark){body{color:#e6e9ec;background:#15181c}code,pre{background:
#23282e}td,th{border-color:#333a41}h2{border-color:#333a41}.verb{color:#79b8f5}.note{color:
#9aa4ae}}
"""


@cache
def openapi() -> str:
    """The contract as it stands in the repository."""
    return Path(__file__).with_name("openapi.json").read_text()


@cache
def page() -> str:
    """The contract as HTML."""
    contract: Json = msgspec.json.decode(openapi())
    info = contract["info"]
    parts = [f"<h1>{escape(info['title'])}</h1>", f"<p>{_inline(info['description'])}</p>"]
    for path, operations in contract["paths"].items():
        for verb, operation in operations.items():
            parts += _operation(verb.upper(), path, operation, contract)
    title = f"<title>{escape(info['title'])}</title>"
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width">{title}'
    body = "\n".join(parts)
    return f'<!doctype html><html lang="en">{head}<style>{STYLE}</style>\n{body}\n</html>\n'


def _operation(verb: str, path: str, operation: Json, contract: Json) -> Iterator[str]:
    yield f'<h2><span class="verb">{verb}</span> <code>{escape(path)}</code></h2>'
    yield f"<p>{_inline(operation.get('summary', ''))}. {_inline(operation.get('description', ''))}"
    yield "Unsigned.</p>" if operation.get("security") == [] else "Signed.</p>"
    if request := operation.get("requestBody"):
        content = request["content"]["application/json"]
        yield f"<h3>Send</h3><p>{_inline(request.get('description', ''))}</p>"
        yield from _schemas(content["schema"], contract)
        for name, example in content.get("examples", {}).items():
            text = msgspec.json.format(msgspec.json.encode(example["value"]), indent=2).decode()
            yield f'<p class="note">Example: {escape(name)}</p><pre>{escape(text)}</pre>'
    yield "<h3>Get</h3><table><tr><th>Status</th><th>Meaning</th></tr>"
    for status, response in operation["responses"].items():
        meaning = _resolved(response, contract)["description"]
        yield f"<tr><td>{escape(status)}</td><td>{_inline(meaning)}</td></tr>"
    yield "</table>"
    good = next(r for status, r in operation["responses"].items() if status.startswith("2"))
    answer = _resolved(good, contract).get("content", {}).get("application/json", {})
    yield from _schemas(answer.get("schema", {}), contract)


def _schemas(schema: Json, contract: Json) -> Iterator[str]:
    """A table of fields for each form that a body may have."""
    schema = _resolved(schema, contract)
    for choice in schema.get("oneOf", [schema]):
        fields, required = _fields(choice, contract)
        if fields:
            yield "<table><tr><th>Field</th><th>Is</th><th>Meaning</th></tr>"
            yield from (_row(n, f, n in required, contract) for n, f in fields.items())
            yield "</table>"


def _fields(schema: Json, contract: Json) -> tuple[Json, set[str]]:
    schema = _resolved(schema, contract)
    fields, required = dict(schema.get("properties", {})), set(schema.get("required", []))
    for part in schema.get("allOf", []):
        more, needed = _fields(part, contract)
        fields |= more
        required |= needed
    return fields, required


def _row(name: str, schema: Json, is_required: bool, contract: Json) -> str:
    schema = _resolved(schema, contract)
    kinds = schema.get("type", "one of several")
    kind_names = kinds if isinstance(kinds, str) else " or ".join(kinds)
    limits = [
        f"{label} {schema[key]}"
        for key, label in (
            ("maxLength", "at most"),
            ("minimum", "from"),
            ("maximum", "to"),
            ("maxItems", "at most"),
            ("pattern", "like"),
        )
        if key in schema
    ]
    kind = escape(", ".join([kind_names, *limits, *(["required"] if is_required else [])]))
    meaning = _inline(schema.get("description", ""))
    return f"<tr><td><code>{escape(name)}</code></td><td>{kind}</td><td>{meaning}</td></tr>"


def _resolved(schema: Json, contract: Json) -> Json:
    while "$ref" in schema:
        found: Any = contract
        for step in schema["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        schema = found
    return schema


def _inline(text: str) -> str:
    """Escaped, with code between backticks."""
    parts = escape(text).split("`")
    return "".join(f"<code>{part}</code>" if n % 2 else part for n, part in enumerate(parts))
