"""YAML files: values are text as flags are, and what no reader would expect is one line with its place."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from optathlon.errors import UsageError
from optathlon.yaml_file import Content, read_yaml

ROOT = Path(__file__).parents[2]


def read(folder: Path, text: str | bytes) -> Content:
    path = folder / "given.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))
    return read_yaml(path, "file")


def refused(folder: Path, text: str | bytes) -> str:
    with pytest.raises(UsageError) as caught:
        read(folder, text)
    assert len(str(caught.value).splitlines()) == 1
    return str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        *("3:8", "1:30", "12:30:45", "0:59", "010", "0o17", "0x1F", "0b11", "1_0", "1_000.5", "+1", "1e3", "1.10"),
        *("yes", "No", "on", "OFF", "y", "n", "true", "2024-01-01", "2024-01-01 10:00:00", ".inf", ".nan", "=", "<<"),
    ],
)
def test_a_value_is_the_text_that_stands_there(tmp_path: Path, text: str) -> None:
    assert read(tmp_path, f"a: {text}\nb: [{text}]\n{text}: c\n") == {"a": text, "b": [text], text: "c"}


def test_only_null_and_emptiness_are_nothing(tmp_path: Path) -> None:
    assert read(tmp_path, "a: null\nb: ~\nc:\nd: 'null'\ne: ''\n") == {
        **{"a": None, "b": None, "c": None},
        **{"d": "null", "e": ""},
    }
    assert read(tmp_path, "") is read(tmp_path, "# nothing\n") is None


def test_all_ways_to_write_text_and_lists(tmp_path: Path) -> None:
    text = "a: |\n  two\n  lines\nb: >-\n  folded\n  text\nc: \"tab\\t\"\nd:\n- [x, {y: z}]\n- 'it''s'\n"
    assert read(tmp_path, text) == {
        **{"a": "two\nlines\n", "b": "folded text", "c": "tab\t"},
        "d": [["x", {"y": "z"}], "it's"],
    }
    assert read(tmp_path, "\ufeff%YAML 1.2\n---\na: ü\n...\n") == {"a": "ü"}, "with the mark of Windows' editors"


def test_an_alias_repeats_what_it_names(tmp_path: Path) -> None:
    assert read(tmp_path, "a: &x [1, 2]\nb: *x\nc: {d: *x}\n") == {
        "a": ["1", "2"],
        "b": ["1", "2"],
        "c": {"d": ["1", "2"]},
    }


@pytest.mark.parametrize(
    ("text", "line", "first"),
    [("a: 1\nb: 2\na: 3\n", 3, 1), ('x: {a: 1,\n    "a": 1}\n', 2, 1), ("- b: 1\n  c: 2\n\n  b: 1\n", 4, 1)],
)
def test_a_repeated_key_is_refused_with_both_lines(tmp_path: Path, text: str, line: int, first: int) -> None:
    message = refused(tmp_path, text)
    assert f"line {line}: " in message
    assert f"is repeated from line {first}" in message


def test_equal_keys_of_different_mappings_are_fine(tmp_path: Path) -> None:
    assert read(tmp_path, "a: {x: 1}\nb: {x: 2}\n") == {"a": {"x": "1"}, "b": {"x": "2"}}


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("[" * 5000, "line 1: values are nested more than"),
        ("{a: " * 5000, "line 1: values are nested more than"),
        ("- " * 2000, "line 1: values are nested more than"),
        ("\n".join(" " * depth + "a:" for depth in range(200)), "line 52: values are nested more than"),
        ("a: &a [*a]", "line 1: *a stands for nothing"),
        ("a: *b", "line 1: *b stands for nothing"),
        ("a: 1\n---\nb: 2", "line 2: a second document"),
        ("a: !!python/object/apply:os.system [ls]", "line 1: tags such as"),
        ("a: !!int 3", "line 1: tags such as"),
        ("a: !mine {}", "line 1: tags such as '!mine'"),
        ("? [a]\n: b", "line 1: a key is a list"),
        ('a: "\\0"', "line 1: a value holds the character NUL"),
        ('a: "\\uD800"', "not YAML"),
        ('a: "\\UFFFFFFFF"', "not YAML"),
        (f"%YAML {'9' * 5000}.1\n---\na: 1", "not YAML"),
        ("a: \x01", "not YAML"),
        ("a: [b\nc: d", "not YAML: line 2"),
        ("\ta: b", "not YAML: line 1"),
        ("a: 'b", "not YAML"),
        ("a: 1".encode("utf-16"), "not UTF-8"),
        (b"\xff\xfe\xfa", "not UTF-8"),
        (b"a" * (4 * 2**20 + 1), "holds more than 4 MiB"),
    ],
    ids=range(22),
)
def test_what_can_not_be_read_is_one_line(tmp_path: Path, text: str | bytes, hint: str) -> None:
    assert hint in refused(tmp_path, text)


@pytest.mark.parametrize("value", ["[{}]", "{{x: {}}}", "x{}"])
def test_aliases_can_not_multiply_without_bound(tmp_path: Path, value: str) -> None:
    names = "abcdefghijklmnop"
    lines = [f"a: &a {value.format('y')}"]
    lines += [f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]" for before, name in pairwise(names)]
    assert "with its aliases the file has more than" in refused(tmp_path, "\n".join(lines))


def test_a_long_text_counts_wherever_it_is_repeated(tmp_path: Path) -> None:
    text = f"a: &a {'x' * 10_000}\nb: [{', '.join(['*a'] * 10_000)}]\n"
    assert "with its aliases the file has more than" in refused(tmp_path, text)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    for path, hint in (
        (tmp_path, "Is a directory"),
        (tmp_path / "none.yaml", "No such file"),
        (Path("/dev/zero"), "MiB"),
    ):
        with pytest.raises(UsageError, match=hint):
            read_yaml(path, "file")


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
TREES = st.recursive(TEXTS, lambda tree: st.lists(tree, max_size=3) | st.dictionaries(TEXTS, tree, max_size=3))


@given(content=TREES)
def test_what_yaml_writers_write_is_read_as_it_was(tmp_path_factory: pytest.TempPathFactory, content: Content) -> None:
    text = yaml.safe_dump(content, allow_unicode=True)
    assert read(tmp_path_factory.mktemp("yaml"), text) == content


@given(text=st.text(st.sampled_from("ab:-?[]{},&*!|>'\"%@`# \n\t0189.~<=\\xu"), max_size=60))
def test_any_text_is_read_or_refused_in_one_line(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    try:
        read(tmp_path_factory.mktemp("yaml"), text)
    except UsageError as error:
        assert len(str(error).splitlines()) == 1


def test_every_yaml_file_is_read_by_the_one_reader() -> None:
    """PyYAML's own loaders are called nowhere else."""
    rooms = ("harness", "optimizers", "tasks", "subsets", "analysis", "archive", "configs")
    sources = [path for room in rooms for path in (ROOT / room).rglob("*.py") if path.name != "yaml_file.py"]
    assert [
        str(path) for path in sources if "yaml.safe_load" in path.read_text() or "yaml.load" in path.read_text()
    ] == []
