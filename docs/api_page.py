"""Writes docs/api.md from the description that the API itself serves: `make diagrams`."""

import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "lambdas/ratings/openapi.json"
PAGE = ROOT / "docs/api.md"
Json = dict[str, Any]


def page(description: Json) -> str:
    """The whole page."""
    schemas = description["components"]["schemas"]
    parts = [
        "<!-- Made by `make diagrams` from lambdas/ratings/openapi.json. -->\n\n# API",
        description["info"]["description"],
        "A running API serves the same as `/v1/docs` (a page) and `/v1/openapi.json`. `make ask` "
        "calls it in one command, the [README](../README.md#run-it) has it with curl.",
    ]
    for path, methods in description["paths"].items():
        for method, route in methods.items():
            parts += _route(f"{method.upper()} {path}", route, description)
    parts.append("## Objects")
    for name, schema in schemas.items():
        rows = [row for one in _parts(schema) for row in _fields(one)]
        if rows:
            parts += [f"### {name}", _table(["field", "type", "meaning"], rows)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _route(title: str, route: Json, description: Json) -> list[str]:
    responses = description["components"]["responses"]
    signed = "Unsigned." if route.get("security") == [] else "Signed."
    parts = [f"## `{title}`", f"{route['summary']}. {signed}", route.get("description", "")]
    if body := route.get("requestBody"):
        content = body["content"]["application/json"]
        parts.append(
            f"Takes {_type(content['schema'])}. {body.get('description', '')}".strip().rstrip(".")
            + "."
        )
        for example in content.get("examples", {}).values():
            value = json.dumps(example["value"], indent=1, ensure_ascii=False)
            parts.append(f"```json\n{value}\n```")
    rows = []
    for code, answer in route["responses"].items():
        found = responses[answer["$ref"].rpartition("/")[2]] if "$ref" in answer else answer
        content = found.get("content", {}).get("application/json", {})
        given = _type(content["schema"]) if "schema" in content else ""
        rows.append([code, "; ".join(part for part in (found["description"], given) if part)])
    return [*parts, _table(["status", "meaning"], rows)]


def _parts(schema: Json) -> list[Json]:
    """A schema itself, or those that it is put together from."""
    parts = schema.get("allOf", [schema])
    return [_schema(one["$ref"].rpartition("/")[2]) if "$ref" in one else one for one in parts]


def _fields(schema: Json) -> list[list[str]]:
    needed = set(schema.get("required", []))
    return [
        [f"`{name}`" + ("" if name in needed else " (optional)"), _type(field), _meaning(field)]
        for name, field in schema.get("properties", {}).items()
    ]


def _type(schema: Json) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})" if _is_shown(name) else _type(_schema(name))
    if "oneOf" in schema:
        return " or ".join(_type(one) for one in schema["oneOf"])
    if schema.get("type") == "array":
        return f"list of {_type(schema['items'])}"
    kinds = schema.get("type", "object")
    return " or ".join([kinds] if isinstance(kinds, str) else kinds)


def _meaning(schema: Json) -> str:
    if "$ref" in schema and not _is_shown(schema["$ref"].rpartition("/")[2]):
        schema = _schema(schema["$ref"].rpartition("/")[2])
    limits = {
        "minimum": "at least {}", "maximum": "at most {}", "minItems": "at least {}",
        "maxItems": "at most {}", "maxLength": "at most {:,} characters", "default": "default {}",
    }  # fmt: skip
    said = [
        words.format(json.dumps(schema[key]) if key == "default" else schema[key])
        for key, words in limits.items()
        if key in schema
    ]
    return "; ".join(part for part in (schema.get("description", ""), ", ".join(said)) if part)


def _schema(name: str) -> Json:
    found: Json = json.loads(SOURCE.read_text())["components"]["schemas"][name]
    return found


def _is_shown(name: str) -> bool:
    schema = _schema(name)
    return bool(schema.get("properties") or schema.get("allOf"))


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


if __name__ == "__main__":
    PAGE.write_text(page(json.loads(SOURCE.read_text())))
