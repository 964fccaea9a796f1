"""`optathlon judge validate`: PandaLM's published figures, a judge that is asked, and what can be wrong with files."""

from __future__ import annotations

import gzip
import json
import os
import re
from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest
from web import Site, served

from optathlon.llm import judging as judge
from optathlon.llm import pandalm_items
from optathlon.llm.labelled_pairs import read_labelled_pairs
from optathlon.tasks.llm.kinds.judge.labelled import LabelledSection
from optathlon.tasks.llm.setup_files import make_setup

InProcess = Callable[..., Any]

JUDGES = """
import numpy as np

from optathlon.llm.judging import Judge, Verdicts


class Longer(Judge):
    symmetric = True

    def prefer(self, prompts, candidate, reference, *, seed):
        lengths = np.array([[len(one), len(other)] for one, other in zip(candidate, reference)])
        return Verdicts((1 + np.sign(lengths[:, 0] - lengths[:, 1])) / 2)


class ShownFirst(Judge):
    def prefer(self, prompts, candidate, reference, *, seed):
        unclear = [prompt.input == "?" for prompt in prompts]
        return Verdicts(np.where(unclear, np.nan, 1.0), unclear="it said 'maybe'" if any(unclear) else "")


class Right(Judge):
    symmetric = True

    def prefer(self, prompts, candidate, reference, *, seed):
        right = np.array([prompt.answer for prompt in prompts])
        return Verdicts((1 + (np.array(candidate) == right) * 1.0 - (np.array(reference) == right)) / 2)


class Above(Judge):
    id = "above"

    def prefer(self, prompts, candidate, reference, *, seed):
        return Verdicts(np.full(len(prompts), 1.7))


class Below(Judge):
    id = "below"
    symmetric = True

    def prefer(self, prompts, candidate, reference, *, seed):
        return Verdicts(np.full(len(prompts), -3.0))
"""

ROOT = Path(os.environ.get("OPTATHLON_TEST_DATA", "")) / "pandalm_testset"
published = pytest.mark.skipif(
    "OPTATHLON_TEST_DATA" not in os.environ or not ROOT.is_dir(),
    reason="OPTATHLON_TEST_DATA has no folder pandalm_testset/",
)


def item(idx: int, first: str, second: str, *labels: int, **others: object) -> dict[str, object]:
    texts = {"instruction": "Say something.", "input": "", "response1": first, "response2": second}
    return {"idx": idx, **texts, **{f"annotator{n}": label for n, label in enumerate(labels, 1)}, **others}


ITEMS = [
    item(7, "long answer", "short", 1, 1, 2),
    item(3, "a", "much longer", 2, 2, 2),
    item(5, "equal", "alike", 0, 1, 2),
    item(4, "some answer", "another", 1, 1, 1, input="?"),
]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with items, and judges that can be called by name."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "judges_of_this_test.py").write_text(JUDGES)
    named = {"longer": "Longer", "first": "ShownFirst", "right": "Right", "above": "Above", "below": "Below"}
    entries = {name: EntryPoint(name, f"judges_of_this_test:{cls}", "optathlon.judges") for name, cls in named.items()}
    monkeypatch.setattr(judge, "_entries", lambda: entries)
    (tmp_path / "items.json").write_text(json.dumps(ITEMS))
    return tmp_path


def row(output: str, label: str, *, after: str = "") -> list[str]:
    """The cells of the first row that starts with `label` after the line `after`."""
    found = re.search(rf"^{re.escape(label)} +(.+)$", output.partition(f"\n{after}\n")[2] if after else output, re.M)
    assert found, f"no row {label!r} in {output}"
    return re.split(r"\s{2,}", found[1].strip())


@published
def test_published_figures(in_process: InProcess) -> None:
    """Of PandaLM's data page and its `compute_metrics.py`; the third κ is 0.8617."""
    files = (ROOT / "testset-v1.json.gz", "--answers", ROOT / "pandalm-7b-testset-v1.json.gz")
    done = in_process("judge", "validate", *files)
    assert done.returncode == 0, done.stderr
    out = done.stdout
    assert "999 items, 3 annotators; no label is the most frequent on 0" in out
    assert row(out, "majority", after="labels") == ["105", "422", "472"]
    found = [*row(out, "annotator1", after="Cohen's κ")[1:3], row(out, "annotator2", after="Cohen's κ")[2]]
    assert [*map(float, found)] == pytest.approx([0.852, 0.879, 0.861], abs=0.0008)
    assert row(out, "accuracy")[0].startswith("0.6677 (95 %: 0.6")
    assert [row(out, f"macro {name}") for name in ("precision", "recall", "F1")] == [["0.5738"], ["0.5750"], ["0.5743"]]
    assert row(out, "not understood") == ["0 (left out)"]


@published
def test_pandalms_items_are_fetched_and_then_known_by_name(
    in_process: InProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From a local server that has the files as their repository does, with `NaN` for empty texts."""
    monkeypatch.setenv("OPTATHLON_DATA", str(tmp_path))
    for missing in ([], ["--answers", "pandalm"]):
        done = in_process("judge", "validate", "pandalm", *missing)
        assert done.returncode == 2
        assert "is not there: fetch it by `optathlon data fetch llm/pandalm`" in done.stderr
    upstream = {
        name: gzip.decompress((ROOT / f"{name}.gz").read_bytes()).replace(b': ""', b": NaN")
        for name in (pandalm_items.ITEMS, pandalm_items.ANSWERS)
    }
    with served(Site({f"/llm/{name}": content for name, content in upstream.items()})) as site:
        done = in_process("data", "fetch", "llm/pandalm", "--yes", "--mirror", site.url)
    assert done.returncode == 0, done.stderr
    assert "licence: Apache-2.0; see https://github.com/WeOpenML/PandaLM" in done.stdout
    assert "llm/pandalm: good, 2 of 2 files" in in_process("data", "verify").stdout
    done = in_process("judge", "validate", "pandalm", "--answers", "pandalm")
    assert row(done.stdout, "accuracy")[0].startswith("0.6677 (95 %: 0.6")
    fetched, given = (
        read_labelled_pairs(path)
        for path in (tmp_path / "llm" / pandalm_items.ITEMS, ROOT / f"{pandalm_items.ITEMS}.gz")
    )
    assert [fetched.prompts, fetched.first, fetched.second] == [given.prompts, given.first, given.second]
    setup = make_setup("mine", {"model": "smol", "judge": "verifier", "questions": "everyday"}, tmp_path)
    for section in (LabelledSection(), LabelledSection(pairs="pandalm")):
        assert section.load(setup).first == given.first


def test_people_alone(here: Path, in_process: InProcess) -> None:
    done = in_process("judge", "validate", "items.json")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0] == "4 items, 3 annotators; no label is the most frequent on 1"
    assert row(done.stdout, "majority", after="labels") == ["1", "2", "1"]
    assert "judge" not in done.stdout


@pytest.mark.parametrize(
    ("failures", "accuracy", "counted"), [("apart", "0.6667", "left out"), ("ties", "0.5000", "counted as ties")]
)
def test_stored_answers_are_joined_by_idx(
    here: Path, in_process: InProcess, failures: str, accuracy: str, counted: str
) -> None:
    answers = {5: " Tie ", 3: 1, 4: "garbage", 7: "1"}
    lines = "\n".join(json.dumps({"idx": idx, "some_result": result}) for idx, result in answers.items())
    (here / "answers.jsonl.gz").write_bytes(gzip.compress(lines.encode()))
    done = in_process("judge", "validate", "items.json", "--answers", "answers.jsonl.gz", "--failures", failures)
    assert done.returncode == 0, done.stderr
    assert row(done.stdout, "accuracy")[0].startswith(accuracy)
    assert row(done.stdout, "not understood") == [f"1 ({counted})"]
    assert "alike" not in done.stdout


def test_a_judge_is_asked_once_where_the_order_cannot_matter(here: Path, in_process: InProcess) -> None:
    done = in_process("judge", "validate", "items.json", "--judge", "longer")
    assert done.returncode == 0, done.stderr
    assert row(done.stdout, "accuracy")[0].startswith("1.0000")
    assert "alike" not in done.stdout


def test_a_judge_that_prefers_what_it_sees_first(here: Path, in_process: InProcess) -> None:
    done = in_process("judge", "validate", "items.json", "--judge", "first")
    assert done.returncode == 0, done.stderr
    assert row(done.stdout, "both orders") == ["0.0% of 3 pairs decided alike"]
    assert row(done.stdout, "order's bias")[0].startswith("+100.0%")
    assert row(done.stdout, "not understood") == ["1 (left out)"]
    assert row(done.stdout, "accuracy")[0].startswith("0.3333")
    as_ties = in_process("judge", "validate", "items.json", "--judge", "first", "--failures", "ties")
    assert row(as_ties.stdout, "accuracy")[0].startswith("0.2500")


@pytest.mark.parametrize("failures", ["apart", "ties"])
def test_a_judge_of_which_nothing_is_understood_says_so_first(here: Path, in_process: InProcess, failures: str) -> None:
    lines = json.dumps([{**one, "input": "?"} for one in ITEMS])
    (here / "items.json").write_text(lines)
    done = in_process("judge", "validate", "items.json", "--judge", "first", "--failures", failures)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "optathlon: none of 4 judgements of first could be understood (it said 'maybe'): is it a judge at all?\n"
    )


def test_stored_answers_of_which_none_is_understood_are_told(here: Path, in_process: InProcess) -> None:
    rows = [{"idx": one["idx"], "some_result": "both are good"} for one in ITEMS]
    (here / "answers.json").write_text(json.dumps(rows))
    done = in_process("judge", "validate", "items.json", "--answers", "answers.json")
    assert (done.returncode, done.stdout) == (1, "")
    assert "none of the answers in 'answers.json' is 0, 1, 2 or tie; the first is 'both are good'" in done.stderr


def test_an_empty_judge_is_an_error(here: Path, in_process: InProcess) -> None:
    refused(in_process("judge", "validate", "items.json", "--judge", ""), "can't read the judge '': write NAME")


@pytest.mark.parametrize(("name", "given"), [("above", "1.7"), ("below", "-3")])
def test_a_judge_that_gives_no_probabilities_is_refused(
    here: Path, in_process: InProcess, name: str, given: str
) -> None:
    complaint = f"the judge {name} gave the preference {given}, which is not a probability"
    refused(in_process("judge", "validate", "items.json", "--judge", name), complaint)


def test_a_judge_sees_the_right_answers(here: Path, in_process: InProcess) -> None:
    items = [item(1, "4", "5", 1, answer="4"), item(2, "4", "5", 2, answer="5"), item(3, "4", "5", 0, answer="6")]
    (here / "items.json").write_text(json.dumps(items))
    done = in_process("judge", "validate", "items.json", "--judge", "right")
    assert row(done.stdout, "accuracy")[0].startswith("1.0000")


def test_texts_that_json_takes_for_values_are_texts(here: Path, in_process: InProcess) -> None:
    """Six of PandaLM's responses are true."""
    (here / "items.json").write_text(json.dumps([item(1, True, 4.5, 1), item(2, "a", "longer", 2)]))  # type: ignore[arg-type]
    done = in_process("judge", "validate", "items.json", "--judge", "longer")
    assert row(done.stdout, "accuracy")[0].startswith("1.0000")


def without(field: str) -> dict[str, object]:
    return {name: value for name, value in ITEMS[0].items() if name != field}


@pytest.mark.parametrize(
    ("items", "complaint"),
    [
        ([], "'items.json' has no items: give a list of JSON objects, or one object per line"),
        ({"items": ITEMS}, "'items.json' has no items: give a list of JSON objects, or one object per line"),
        ([ITEMS[0], "text"], "item 2 of 'items.json' is not a JSON object but 'text'"),
        ([ITEMS[1], without("idx")], "item 2 of 'items.json': no field 'idx': add it"),
        (
            [ITEMS[1], {**without("response2"), "respons2": "x"}],
            "item 2 of 'items.json': no field 'response2': is 'respons2' meant?",
        ),
        ([ITEMS[0], ITEMS[0]], "item 2 of 'items.json': idx 7 is that of an earlier one: give each its own"),
        ([{**ITEMS[0], "instruction": None}], "item 1 of 'items.json': 'instruction' must be text, not None"),
        (
            [{**ITEMS[0], "annotator2": 3}],
            "item 1 of 'items.json': 'annotator2' must be 1 or 2 for the better response, or 0 for a tie, not 3",
        ),
        ([item(1, "a", "b")], "item 1 of 'items.json': no label of an annotator: add 'annotator1', 'annotator2'"),
        ([ITEMS[0], item(9, "a", "b", 1, 2)], "item 2 of 'items.json': no field 'annotator3': is 'annotator2' meant?"),
    ],
)
def test_items_that_cannot_be_used(here: Path, in_process: InProcess, items: object, complaint: str) -> None:
    (here / "items.json").write_text(json.dumps(items))
    refused(in_process("judge", "validate", "items.json"), complaint)


@pytest.mark.parametrize(
    ("answers", "complaint"),
    [
        ([{"idx": 7, "a_result": 1}], "'answers.json' has no answer to the item with idx 3: give one"),
        ([{"idx": 70, "a_result": 1}], "item 1 of 'answers.json': there is no item with idx 70"),
        ([{"idx": 7, "verdict": 1}], "item 1 of 'answers.json': 0 fields end in '_result': give one"),
        ([{"idx": 7, "a_result": 1, "b_result": 1}], "item 1 of 'answers.json': 2 fields end in '_result': give one"),
    ],
)
def test_answers_that_cannot_be_used(here: Path, in_process: InProcess, answers: object, complaint: str) -> None:
    (here / "answers.json").write_text(json.dumps(answers))
    refused(in_process("judge", "validate", "items.json", "--answers", "answers.json"), complaint)


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("absent.json", None, "no file 'absent.json'"),
        ("items.csv", b"", "can't tell what 'items.csv' is: name it .json, .jsonl, .json.gz, .jsonl.gz"),
        ("cut.json", b'[{"idx": 1', "'cut.json' is not JSON (Expecting"),
        ("cut.jsonl", b'{"idx": 1}\n\n{"idx"', "line 3 of 'cut.jsonl' is not JSON (Expecting"),
        ("plain.json.gz", b"[]", "can't read the file 'plain.json.gz': Not a gzipped file"),
        ("cut.json.gz", gzip.compress(b"[" + 99 * b"1, ", mtime=0)[:-9], "can't read the file 'cut.json.gz': "),
        ("latin.json", '["é"]'.encode("latin-1"), "the file 'latin.json' is not UTF-8 text (byte 2)"),
    ],
)
def test_files_that_cannot_be_read(
    here: Path, in_process: InProcess, name: str, content: bytes | None, complaint: str
) -> None:
    if content is not None:
        (here / name).write_bytes(content)
    refused(in_process("judge", "validate", name), complaint)


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        (("--judge", "longest"), "unknown judge 'longest' in 'longest': did you mean 'longer'?"),
        (("--judge", "longer", "--answers", "a.json"), "give --answers or --judge, not both"),
        (("--failures", "tie"), "Invalid value for '--failures'"),
    ],
)
def test_flags_that_cannot_be_meant(here: Path, in_process: InProcess, flags: tuple[str, ...], complaint: str) -> None:
    refused(in_process("judge", "validate", "items.json", *flags), complaint)


def refused(done: Any, complaint: str) -> None:
    assert done.returncode == 2
    assert done.stderr.startswith(f"optathlon: {complaint}")
    assert done.stderr.count("\n") == 1
