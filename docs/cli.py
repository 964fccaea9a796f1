"""What `docs/command-line.md` says of each command: Typer's own description, with its options."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping

import typer
from typer.cli import get_docs_for_click

from optathlon.cli.commands import command as whole_command

LISTED = re.compile(r"^\* `(?P<name>\w[\w-]*)`: .*$", re.MULTILINE)
"""A command in the list of a group, which Typer cuts off after some words."""


def parts() -> Mapping[str, str]:
    """The one part: all commands."""
    command = whole_command()
    context = typer.Context(command, info_name="optathlon")
    text = get_docs_for_click(obj=command, ctx=context, name="optathlon")
    _, _, sections = text.partition("## ")
    return {"commands": readable(f"## {sections}").strip()}


def readable(text: str) -> str:
    """Typer's text with plain quotes, and with links to commands in place of cut sentences."""
    sections = re.split(r"^(?=#+ `)", html.unescape(text).replace("<", "&lt;"), flags=re.MULTILINE)
    return "".join(map(section, sections)).replace("**Commands**:", "Its commands:")


def section(text: str) -> str:
    """One command's section. What stands between backticks is code, which needs no escapes."""
    heading = re.match(r"#+ `(?P<name>[^`]+)`\n", text)
    text = re.sub(r"`[^`\n]+`", lambda code: code[0].replace("&lt;", "<"), text)
    if heading is None:
        return text
    anchor = heading["name"].replace(" ", "-")
    return LISTED.sub(lambda listed: f"* [`{listed['name']}`](#{anchor}-{listed['name']})", text)
