"""By which command extras are installed here: Optathlon may come from a package index, a checkout or an address."""

from __future__ import annotations

import json
import re
import shlex
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from urllib.parse import urlsplit

_EXTRAS = re.compile(r"'optathlon\[(?P<extras>[^]']+)\]'")


def as_installed(command: str) -> str:
    """A command such as `pip install 'optathlon[smac]'`, with the place that this Optathlon was installed from.

    Other commands, and those for an Optathlon of a package index, stay as they are.
    """
    return _EXTRAS.sub(lambda found: _requirement(found["extras"]), command)


def requirement_of(origin: str, extras: str) -> str:
    """What pip is asked for, to install extras from where `direct_url.json` (`origin`) says, as PEP 610 defines it."""
    said = json.loads(origin)
    place = urlsplit(said["url"])
    if place.scheme != "file":
        prefix = f"{said['vcs_info']['vcs']}+" if "vcs_info" in said else ""
        return shlex.quote(f"optathlon[{extras}] @ {prefix}{said['url']}")
    from urllib.request import url2pathname  # which loads all that opens addresses

    quoted = shlex.quote(f"{url2pathname(place.path)}[{extras}]")
    return f"-e {quoted}" if said.get("dir_info", {}).get("editable") else quoted


@cache
def _requirement(extras: str) -> str:
    try:
        origin = distribution("optathlon").read_text("direct_url.json")
        return requirement_of(origin, extras) if origin else f"'optathlon[{extras}]'"
    except (PackageNotFoundError, ValueError, KeyError, TypeError):  # it runs from a folder, or pip wrote another form
        return f"'optathlon[{extras}]'"
