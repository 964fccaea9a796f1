"""What is published tells no folders of the machine that did the runs."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optathlon.archive.withheld import command_without_folders, text_without_folders

names = st.text("abcXYZ019._-äß", min_size=1, max_size=8).filter(lambda name: name.strip(".~"))
roots = st.sampled_from(["/", "~/", "C:\\", "C:/"])
before = st.sampled_from(["", "--out=", "o[file=", "a,"])


def rooted(root: str, folders: list[str], name: str) -> str:
    return root + ("\\" if root.endswith("\\") else "/").join([*folders, name])


@given(roots, st.lists(names, max_size=4), names, before)
def test_of_an_absolute_path_the_name_stays(root: str, folders: list[str], name: str, option: str) -> None:
    command = shlex.join(["optathlon", "run", option + rooted(root, folders, name), "-j", "2"])
    assert shlex.split(command_without_folders(command)) == ["optathlon", "run", option + name, "-j", "2"]


@given(roots, st.lists(names, min_size=1, max_size=4), names)
def test_of_one_in_a_sentence_the_name_stays(root: str, folders: list[str], name: str) -> None:
    path = rooted(root, folders, name)
    assert text_without_folders(f"OSError: no file '{path}' ({path})") == f"OSError: no file '{name}' ({name})"


@pytest.mark.parametrize(
    "text",
    [
        "optathlon run configs/a.yaml -o '*' -t 'hpobench/nn/*' -t bbob/f1/d5/i1 --out ../b --plugin ./c/d.py:E",
        "optathlon data fetch x --mirror https://example.org/a/b",
    ],
)
def test_what_is_no_absolute_path_stays(text: str) -> None:
    assert command_without_folders(text) == text
    assert text_without_folders(text) == text


def test_a_sentence_with_slashes_stays() -> None:
    text = "ValueError: 3/4 of and/or s/m in a/b/c; see http://example.org/a/b"
    assert text_without_folders(text) == text
