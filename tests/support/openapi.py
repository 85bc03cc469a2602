"""GitHub's published description of its API: what is sent and answered in tests is held against it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from openapi_core import Config, OpenAPI
from openapi_core.exceptions import OpenAPIError
from openapi_core.testing import MockRequest, MockResponse

HOST: Final = "https://api.github.com"
_SAMPLES: Final[dict[str, Any]] = {"integer": 1, "number": 1, "boolean": False, "array": []}
_FORMATS: Final = {"uri": "https://example.com/x", "date-time": "2026-01-01T00:00:00Z"}


def description_file() -> Path | None:
    """Return where the description is; ``None`` where ``IACGATE_GITHUB_OPENAPI`` names no file."""
    path = Path(os.environ.get("IACGATE_GITHUB_OPENAPI") or "/nowhere")
    return path if path.is_file() else None


class Description:
    """The description, as a judge of requests and answers and as a source of complete objects."""

    def __init__(self, path: Path) -> None:
        self._document = json.loads(path.read_bytes())
        for who in ("author", "committer"):  # `nullable` without a type means nothing in OpenAPI 3.0, and they are null
            options = self._document["components"]["schemas"]["commit"]["properties"][who]["oneOf"]
            options.append({"type": "string", "nullable": True, "enum": [None]})
        conclusion = self._document["components"]["schemas"]["check-run"]["properties"]["conclusion"]
        conclusion["enum"].append(None)  # `nullable` does not widen an `enum` in OpenAPI 3.0, and it is null
        self._api = OpenAPI.from_dict(self._document, config=Config(spec_validator_cls=None))  # type: ignore[arg-type] # None spares the check of the description itself

    def problem(self, path: str, query: Mapping[str, str], status: int, body: bytes) -> str:
        """Return what is wrong with a request or its answer; empty where nothing is."""
        request = MockRequest(HOST, "get", path, args=dict(query))
        response = MockResponse(body, status_code=status, content_type="application/json")
        try:
            self._api.validate_request(request)
            if status != 404:  # which GitHub answers everywhere, and describes in places
                self._api.validate_response(request, response)
        except OpenAPIError as error:
            return f"GET {path} {dict(query)} -> {status}: {error} {error.__cause__ or ''}"
        unknown = set(query) - self._parameters(path)
        return f"GET {path}: there is no parameter {', '.join(sorted(unknown))}" if unknown else ""

    def complete(self, schema: str, known: Any) -> Any:
        """Return an object of a schema, with what is known of it, and samples of all else that is required."""
        return self._complete({"$ref": f"#/components/schemas/{schema}"}, known)

    def _parameters(self, path: str) -> set[str]:
        """Return the names of the query parameters of a path."""
        parts = path.split("/")
        for template, operations in self._document["paths"].items():
            names = template.split("/")
            if len(names) == len(parts) and all(
                name.startswith("{") or name == part for name, part in zip(names, parts, strict=True)
            ):
                found = [self._resolved(item) for item in operations["get"].get("parameters", [])]
                return {item["name"] for item in found if item["in"] == "query"}
        return set()

    def _resolved(self, node: dict[str, Any]) -> dict[str, Any]:
        while "$ref" in node:
            found: Any = self._document
            for step in node["$ref"].removeprefix("#/").split("/"):
                found = found[step]
            node = found
        return node

    def _complete(self, node: dict[str, Any], known: Any) -> Any:
        schema = self._resolved(node)
        if not isinstance(known, (dict, list)) or not known:
            return known
        if "oneOf" in schema or "allOf" in schema:
            return self._complete((schema.get("oneOf") or schema["allOf"])[0], known)
        if isinstance(known, list):
            return [self._complete(schema["items"], item) for item in known]
        properties = schema.get("properties", {})
        whole = {name: self._complete(properties.get(name, {}), value) for name, value in known.items()}
        missing = [name for name in schema.get("required", []) if name not in whole]
        return {**whole, **{name: self._sample(properties[name]) for name in missing}}

    def _sample(self, node: dict[str, Any]) -> Any:
        schema = self._resolved(node)
        if schema.get("nullable"):
            return None
        if "enum" in schema:
            return schema["enum"][0]
        for several in ("oneOf", "anyOf", "allOf"):
            if several in schema:
                return self._sample(schema[several][0])
        if schema.get("type") == "object" or "properties" in schema:
            properties = schema.get("properties", {})
            return {name: self._sample(properties[name]) for name in schema.get("required", [])}
        if schema.get("type") in _SAMPLES:
            return _SAMPLES[schema["type"]]
        return _FORMATS.get(schema.get("format", ""), "x")
