"""What tables of baselines don't tell: the names of machines, and where somebody's files are."""

from __future__ import annotations

import re
import shlex

_BEFORE_NAME = r"(?:[^\s/\\'\"]+[/\\])+(?=[^\s/\\'\"])"
"""The folders of an absolute path, behind its root."""
_IN_TEXT = re.compile(rf"(?<![\w.:/\\~-])(?:~|[A-Za-z]:)?[/\\]{_BEFORE_NAME}")
_IN_WORD = re.compile(r"(?:^|(?<=[=,\[]))(?:~[^/\\]*|[A-Za-z]:)?[/\\](?:[^/\\,\]]+[/\\])*(?=[^/\\,\]])")


def text_without_folders(text: str) -> str:
    """A sentence with only the names of files where it has absolute paths: `no file x.csv` of `no file /home/me/x.csv`.

    Folders with spaces in their names are not all found.
    """
    return _IN_TEXT.sub("", text)


def command_without_folders(command: str) -> str:
    """A command line for a shell, with the names of files only in the place of absolute paths; others stay."""
    return shlex.join(_IN_WORD.sub("", word) for word in shlex.split(command))
