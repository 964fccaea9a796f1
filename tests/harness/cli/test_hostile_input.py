"""Whatever flags and files hold: one line, exit code 2 or 3, bounded time and memory; never a traceback."""

from __future__ import annotations

import gzip
import json
import string
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import typer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.core import TyperGroup

from optathlon.cli.commands import app
from optathlon.experiments.experiment import Experiment
from optathlon.subsets.subset import Subset

InProcess = Callable[..., SimpleNamespace]

PLUGIN = """
from optathlon import as_task
from optathlon.optimizers.random import RandomSearch


class Mine(RandomSearch):
    def __init__(self, problem, seed, *, step: float = 1.0, many: int = 3, table: dict = {}):
        super().__init__(problem, seed)


@as_task("plain/line", space={"x": (0.0, 1.0)}, budget=2)
def line(config):
    return config["x"]
"""
RUN = ("run", "--plugin", "plain.py", "-o", "mine", "-t", "plain/line")
LONG = "a" * 4000
DIGITS = "9" * 5000


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPTATHLON_DATA", str(tmp_path / "no-data"))
    (tmp_path / "plain.py").write_text(PLUGIN)
    for name in ("zero.yaml", "zero.json", "zero.jsonl", "zero.csv"):
        (tmp_path / name).symlink_to("/dev/zero")
    (tmp_path / "loop.yaml").symlink_to("loop.yaml")
    (tmp_path / "deep.yaml").write_text("[" * 5000)
    (tmp_path / "deep.json").write_text("[" * 100_000)
    (tmp_path / "deep.jsonl").write_text('{"a":' * 100_000)
    (tmp_path / "digits.json").write_text(f'[{{"idx": {DIGITS}}}]')
    return tmp_path


def one_line(done: SimpleNamespace, codes: Sequence[int] = (2, 3)) -> str:
    assert done.returncode in codes, done.stderr
    assert "Traceback" not in done.stderr
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr[:2000]
    assert lines[0].startswith("optathlon: ")
    assert len(lines[0]) < 5000
    return str(lines[0])


CASES = [
    *(
        (*RUN, "--dry-run", "--seeds", seeds)
        for seeds in ("4294967296", "10000000", "0:4294967296", DIGITS, f"0:{10**30}")
    ),
    *(
        (*RUN, flag, limit)
        for flag in ("--run-timeout", "--trial-timeout")
        for limit in ("1e18s", "1e300h", "99999999h")
    ),
    *((*RUN, "--trial-memory", memory) for memory in ("1e400GB", DIGITS, "nan", "-1")),
    *(
        (*RUN, flag, number)
        for flag in ("--jobs", "--fail-fast", "--root-seed", "--workers-per-run", "--trial-memory")
        for number in ("1_0", "٣")
    ),
    *((*RUN, "--budget", budget) for budget in ("1e309", "nan", "inf", "1_0", "-1s", DIGITS)),
    *((*RUN, flag, number) for flag in ("--jobs", "--workers-per-run") for number in ("1000000", "9" * 30, DIGITS)),
    *((*RUN, "--root-seed", number) for number in ("-1", DIGITS, "1.5")),
    *((*RUN, "--shard", shard) for shard in (f"1/{DIGITS}", "٣/٥", "1_0/20", "0/0")),
    *((*RUN, "--out", out) for out in (LONG, "a/" * 2000, "/proc/x", "/dev/null/x", "/dev/full", "loop.yaml")),
    *((*RUN, "--plugin", file) for file in (LONG, "/dev/zero", ".", "loop.yaml", "")),
    *(("run", file) for file in (LONG, "deep.yaml", "zero.yaml", "loop.yaml", "/dev/zero", "/proc/self/mem", ".", "")),
    *(
        ("run", "-o", name, "-t", "mfh/*")
        for name in (LONG, f"{LONG}.py:X", "loop.py:X", ":", "..:x", "os:path", "", "[", "a[b")
    ),
    *((*RUN[:3], "-t", "plain/line", "-o", f"mine[many={number}]") for number in (DIGITS, "1e400", "nan")),
    (*RUN[:3], "-t", "plain/line", "-o", "mine[table={}]".format('{"a":' * 5000)),
    *(
        ("run", "-o", "random", "-t", task)
        for task in (f"subset:{LONG}", f"subset:{LONG}.yaml", "subset:zero.yaml", "[", "", "/")
    ),
    *(
        ("info", task)
        for task in ("bbob/f1/d99999999999/i1", f"bbob/f1/d{DIGITS}/i1", f"bbob/f1/d2/i{DIGITS}", "bbob/f1/d1001/i1")
    ),
    *(
        ("info", task)
        for task in (
            "pymoo/dtlz2/m3/d999999999",
            f"mfh/{DIGITS}",
            LONG,
            "",
            "/",
            ":",
            f"subset:{LONG}",
            "subset:zero.yaml",
        )
    ),
    *(("check", id) for id in ("bbob/f1/d99999999999/i1", LONG, "", ":", "/", "plain.py:Nothing")),
    *(
        (command, folder)
        for command in ("status", "report", "compact")
        for folder in (LONG, "", "/dev/zero", "/proc", "loop.yaml")
    ),
    *(("merge", out, source) for out, source in ((LONG, "a"), ("m", LONG), ("/proc/x", "a"), ("m", "/proc"))),
    *(("compare", first, second) for first, second in ((LONG, "a"), ("a", LONG), ("/proc", "/proc"))),
    *(("export", folder, "--format", "ioh") for folder in (LONG, "/proc", "")),
    *(("retry", "out", "--status", status) for status in (LONG, "", ",", "ok,")),
    *(("subset", "select", "out", "-k", number) for number in ("0", "-1", DIGITS, "1_000x")),
    *(
        ("subset", "select", "out", "-k", "2", flag, number)
        for flag in ("--seconds", "--seed", "--jobs")
        for number in ("-1", "1e300", DIGITS)
    ),
    *(("subset", "select", "out", "-k", "2", "--certify", limit) for limit in ("1e300s", "nan", "")),
    *(
        ("subset", "validate", "out", "blackbox", flag, number)
        for flag in ("--draws", "--seed")
        for number in ("-1", "9" * 30)
    ),
    *(
        ("judge", "validate", file)
        for file in (LONG, "deep.json", "deep.jsonl", "digits.json", "zero.json", "zero.jsonl")
    ),
    *(
        (command, "out", "--seed", seed)
        for command in ("report", "judge validate")
        for seed in ("-1", str(2**70), "1e3")
    ),
    ("list", "tasks", "--plugin", LONG),
    ("report", "a\0b"),
    ("report", "\udcff"),
    (f"--{LONG}",),
    (LONG,),
]


@pytest.mark.parametrize("arguments", CASES, ids=lambda case: " ".join(case)[:60].encode("ascii", "replace").decode())
def test_a_hostile_argument_is_one_line(in_process: InProcess, here: Path, arguments: tuple[str, ...]) -> None:
    words = [
        word for argument in arguments for word in (argument.split() if argument == "judge validate" else [argument])
    ]
    one_line(in_process(*words))
    assert not (here / "out").exists()


def test_a_file_that_unpacks_without_end_is_one_line(in_process: InProcess, here: Path) -> None:
    with gzip.open("bomb.jsonl.gz", "wb", compresslevel=1) as file:
        for _ in range(257):
            file.write(bytes(2**20))
    assert "holds more than 256 MiB" in one_line(in_process("judge", "validate", "bomb.jsonl.gz"))


@pytest.mark.parametrize(
    "call",
    [
        *("(" * 5000, "noisy(" * 3000, "-" * 20_000 + "1", "verifier(" + "9" * 5000 + ")", "[" * 300, "x" * 4000),
        *(
            "noisy(" * 190 + "verifier" + ")" * 190,
            "-" * 4900 + "1",
            "verifier" + ".a" * 2400,
            "noisy(verifier, '" + "y" * 4000 + "')",
        ),
        *("not " * 1200 + "x", "pool(" + "verifier, " * 480 + "verifer)", "verifier(" + "z" * 4000 + "=1)"),
    ],
)
def test_a_hostile_judge_is_one_line(in_process: InProcess, here: Path, call: str) -> None:
    item = {"idx": 1, "instruction": "a", "input": "", "response1": "b", "response2": "c", "annotator1": 1}
    (here / "items.json").write_text(json.dumps([item]))
    assert len(one_line(in_process("judge", "validate", "items.json", "--judge", call))) < 600


@pytest.mark.parametrize("error", [MemoryError(), RecursionError("deep"), OSError(5, "Input/output error", "/mnt/x")])
def test_what_the_machine_lacks_is_one_line(
    in_process: InProcess, here: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr("optathlon.experiments.driver.make_plan", fail)
    one_line(in_process(*RUN), codes=[3])


NUMBERS = [
    "0",
    "-1",
    "1",
    "3",
    "1e400",
    "nan",
    "inf",
    "1_0",
    "0x10",
    "010",
    "٣",
    "1:30",
    "3:8",
    "9" * 30,
    DIGITS,
    "1e18s",
    "2h",
]
TEXTS = [
    "",
    " ",
    "*",
    "[",
    "a[b=c",
    "x:y",
    "subset:",
    "subset:x.yaml",
    "file.py:X",
    "/",
    "..",
    "/dev/null",
    "/proc/x",
    "a/" * 2000,
]
VALUES = (
    st.sampled_from(
        [*NUMBERS, *TEXTS, LONG, "none", "true", "no", "%s", "{}", "\x1b[31m", "a,b", "=", "k=v", "random", "mfh/*"]
    )
    | st.text(st.characters(exclude_characters="\0"), max_size=12)
    | st.integers().map(str)
    | st.floats().map(repr)
)
LASTING = {"--watch"}
"""Flags of commands that go on until they are interrupted."""


def commands() -> Iterator[tuple[tuple[str, ...], Any]]:
    """All commands, those of groups included."""

    def below(name: tuple[str, ...], command: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
        if isinstance(command, TyperGroup):
            for part, one in command.commands.items():
                yield from below((*name, part), one)
        else:
            yield name, command

    return below((), typer.main.get_command(app))


@st.composite
def command_lines(draw: st.DrawFn, command: Any) -> list[str]:
    """Any values for some of a command's flags, and for its arguments."""
    words: list[str] = []
    for parameter in command.params:
        if parameter.param_type_name == "argument":
            words.append(draw(VALUES))
        elif draw(st.booleans()) or parameter.required:
            flag = max(parameter.opts, key=len)
            if flag not in {*LASTING, "--help"}:
                words.append(flag if parameter.is_flag else f"{flag}={draw(VALUES)}")
    return words


@pytest.mark.parametrize(
    ("name", "command"), [*commands()], ids=lambda value: " ".join(value) if isinstance(value, tuple) else ""
)
def test_no_command_line_ends_in_a_traceback(
    in_process: InProcess, here: Path, name: tuple[str, ...], command: Any
) -> None:
    always = ["--dry-run"] if name == ("run",) else []

    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(words=command_lines(command))
    def check(words: list[str]) -> None:
        done = in_process(*name, *words, *always)
        assert done.returncode in (0, 1, 2, 3), (words, done.stderr)
        if done.returncode > 1:
            one_line(done)

    check()


def trees(leaves: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    def below(tree: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        return st.lists(tree, max_size=3) | st.dictionaries(leaves, tree, max_size=3)

    return st.recursive(leaves | st.none(), below, max_leaves=6)


def flow(content: object) -> str:
    """YAML in which text stands plain where it can."""
    match content:
        case None:
            return "null"
        case list():
            return f"[{', '.join(map(flow, content))}]"
        case dict():
            return f"{{{', '.join(f'{flow(key)}: {flow(value)}' for key, value in content.items())}}}"
        case str() if content and not {*content} - {*string.ascii_letters, *string.digits, "_", "."}:
            return content
        case _:
            return json.dumps(content)


def check_files(run: Callable[[str], SimpleNamespace], fields: Sequence[str], valid: Mapping[str, object]) -> None:
    values = trees(VALUES)

    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
    @given(changes=st.dictionaries(st.sampled_from(fields) | VALUES, values, max_size=4))
    def check(changes: dict[str, object]) -> None:
        done = run("\n".join(f"{flow(key)}: {flow(value)}" for key, value in ({**valid, **changes}).items()))
        assert done.returncode in (0, 1, 2, 3), (changes, done.stderr)
        if done.returncode > 1:
            one_line(done)

    check()


def test_no_experiment_file_ends_in_a_traceback(in_process: InProcess, here: Path) -> None:
    def run(text: str) -> SimpleNamespace:
        (here / "given.yaml").write_text(text, encoding="utf-8", errors="surrogatepass")
        return in_process("run", "given.yaml", "--dry-run")

    valid = {"plugins": ["plain.py"], "optimizers": ["mine"], "tasks": ["plain/line"]}
    check_files(run, [*Experiment.model_fields], valid)


def test_no_subset_file_ends_in_a_traceback(in_process: InProcess, here: Path) -> None:
    def run(text: str) -> SimpleNamespace:
        (here / "given.yaml").write_text(text, encoding="utf-8", errors="surrogatepass")
        return in_process("info", "subset:given.yaml")

    check_files(run, [*Subset.model_fields], Subset.read("blackbox").model_dump(mode="json", include={"name", "type"}))
