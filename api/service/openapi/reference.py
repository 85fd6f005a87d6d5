"""/docs: the API's reference as one plain page, made from the OpenAPI document. No script, nothing from elsewhere."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 60rem; margin: 0 auto; padding: 1rem; }
nav ul { columns: 18rem; padding: 0; list-style: none; }
section { border-top: 1px solid #8886; margin-top: 2rem; }
pre, code { font: 0.85rem/1.4 ui-monospace, monospace; overflow-wrap: anywhere; white-space: pre-wrap; }
table { border-collapse: collapse; width: 100%; }
th, td { border-bottom: 1px solid #8884; padding: 0.3rem 0.6rem; text-align: left; vertical-align: top; }
"""


def reference_page(document: Mapping[str, Any]) -> str:
    """HTML of the whole document."""
    info = document["info"]
    title = escape(f"{info['title']} {info['version']}: HTTP API")
    parts = [
        '<!doctype html><html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f'<title>{title}</title><link rel="stylesheet" href="/docs.css"></head><body><main>',
        f"<h1>{title}</h1><p>{escape(info['description'])} ",
        'The same as a program reads it: <a href="/openapi.json">openapi.json</a>.</p>',
        *_contents(document),
        *(
            part
            for path, method, operation in _operations(document)
            for part in _section(path, method, operation)
        ),
        "<h2>Schemas</h2>",
        *(
            f'<section id="schema-{escape(name)}"><h3>{escape(name)}</h3>'
            f"<p>{escape(schema.get('description', ''))}</p><pre>{_json(schema)}</pre></section>"
            for name, schema in sorted(document["components"]["schemas"].items())
        ),
        "</main></body></html>",
    ]
    return "\n".join(parts)


def _operations(document: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method.upper(), operation


def _contents(document: Mapping[str, Any]) -> Iterator[str]:
    yield "<nav><ul>"
    for path, method, operation in _operations(document):
        yield f'<li><a href="#{escape(operation["operationId"])}">{method} {escape(path)}</a></li>'
    yield "</ul></nav>"


def _section(path: str, method: str, operation: Mapping[str, Any]) -> Iterator[str]:
    name = escape(operation["operationId"])
    yield f'<section id="{name}"><h2>{method} {escape(path)}</h2>'
    yield f"<p>{escape(operation.get('description', operation.get('summary', '')))}</p>"
    parameters = operation.get("parameters", [])
    if parameters:
        yield "<table><thead><tr><th>Parameter</th><th>In</th><th>Schema</th></tr></thead><tbody>"
        for parameter in parameters:
            facts = f"{escape(parameter['name'])}{'' if parameter.get('required') else ' (optional)'}"
            schema = f"<code>{_json(parameter['schema'])}</code>"
            yield f"<tr><td>{facts}</td><td>{parameter['in']}</td><td>{schema}</td></tr>"
        yield "</tbody></table>"
    for kind, content in operation.get("requestBody", {}).get("content", {}).items():
        yield f"<p>Body, {escape(kind)}: {_schema(content.get('schema', {}))}</p>"
    yield "<ul>"
    for status, response in operation["responses"].items():
        kinds = ", ".join(
            f"{escape(kind)} {_schema(content.get('schema', {}))}"
            for kind, content in response.get("content", {}).items()
        )
        yield f"<li><strong>{status}</strong> {escape(response['description'])} {kinds}</li>"
    yield "</ul></section>"


def _schema(schema: Mapping[str, Any]) -> str:
    reference = schema.get("$ref", "")
    if reference:
        name = escape(reference.rpartition("/")[2])
        return f'<a href="#schema-{name}">{name}</a>'
    return f"<code>{_json(schema)}</code>" if schema else ""


def _json(value: Any) -> str:
    return escape(
        json.dumps(
            value, ensure_ascii=False, indent=1 if isinstance(value, dict) and len(value) > 3 else None
        )
    )
