"""JSON Schemas of what `--json` prints, and the tables of `docs/json.md`: `python docs/schemas.py --write`.

Without `--write` it only compares. All is said by the types of `optathlon.cli.json_types`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import ConfigDict, TypeAdapter

from optathlon.cli import json_types

ROOT = Path(__file__).resolve().parent
PAGE = ROOT / "json.md"
COMMANDS = {
    "list": json_types.ListDocument,
    "info": json_types.InfoDocument,
    "status": json_types.StatusDocument,
    "best": json_types.BestDocument,
    "compare": json_types.CompareDocument,
}
"""What each command prints."""


def schema(command: str) -> dict[str, Any]:
    """The schema of what a command prints."""
    for one in vars(json_types).values():
        if isinstance(one, type) and one.__module__ == json_types.__name__:
            setattr(one, "__pydantic_config__", ConfigDict(use_attribute_docstrings=True))  # noqa: B010
    made = TypeAdapter(COMMANDS[command]).json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": f"optathlon {command} --json"} | made


def schema_file(command: str) -> Path:
    """Where it is."""
    return ROOT / "schemas" / f"{command}.json"


def page() -> str:
    """The page with its tables made again, each between `<!-- COMMAND -->` and `<!-- end -->`."""
    text = PAGE.read_text()
    for command in COMMANDS:
        before, _, rest = text.partition(f"<!-- {command} -->\n")
        _, end, after = rest.partition("<!-- end -->")
        tables = "\n\n".join(_tables(schema(command)))
        text = f"{before}<!-- {command} -->\n\n{tables}\n\n{end}{after}"
    return text


def _tables(made: Mapping[str, Any]) -> Iterator[str]:
    types = dict(made.get("$defs", {}))
    if "properties" in made:
        types = {made["title"]: made} | types
    for name, one in types.items():
        title = one.get("description", name).rstrip(".")
        lines = [f"**{title}**", "", "| key | type | meaning |", "|---|---|---|"]
        for key, value in one["properties"].items():
            optional = "" if key in one.get("required", ()) else ", may be absent"
            meaning = " ".join(value.get("description", "").split())
            lines.append(f"| `{key}` | {_type(value)}{optional} | {meaning} |")
        yield "\n".join(lines)


def _type(value: Mapping[str, Any]) -> str:
    """A type in a few words."""
    if "$ref" in value:
        return "object"
    if "anyOf" in value:
        return " or ".join(dict.fromkeys(map(_type, value["anyOf"])))
    if "enum" in value:
        return ", ".join(f'`"{one}"`' for one in value["enum"])
    if "const" in value:
        return f'`"{value["const"]}"`'
    if value.get("type") == "array":
        return f"list of {_plural(_type(value['items']))}"
    return str(value.get("type", "any value"))


def _plural(word: str) -> str:
    return word if word == "any value" else f"{word}s"


def main() -> None:
    """Write, or exit with 1 where something is not as it would be written."""
    written = {schema_file(name): json.dumps(schema(name), indent=2) + "\n" for name in COMMANDS} | {PAGE: page()}
    stale = [path for path, text in written.items() if not path.exists() or path.read_text() != text]
    if "--write" in sys.argv[1:]:
        for path in stale:
            path.parent.mkdir(exist_ok=True)
            path.write_text(written[path])
    elif stale:
        sys.exit(f"not up to date: {', '.join(map(str, stale))}: python docs/schemas.py --write")


if __name__ == "__main__":
    main()
