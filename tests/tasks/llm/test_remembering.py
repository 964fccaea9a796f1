"""What trials are charged for, what is known of their data, and what is done again by a run that is repeated."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from tiny_models import change_weights, copied_tiny

from optathlon.errors import UsageError
from optathlon.tasks.llm.usage import Usage

pytest.importorskip("torch", reason="the extra 'llm' is not installed")
pytest.importorskip("transformers", reason="the extra 'llm' is not installed")
pytest.importorskip("peft", reason="the extra 'llm' is not installed")
pytestmark = pytest.mark.torch

CONFIG = {
    **{"method": "full", "learning_rate": 1e-3, "batch_size": 8, "optimizer": "adamw", "schedule": "constant"},
    **{"warmup": 0.0, "weight_decay": 0.01},
}


LOADING = ("llm.models", "llm.judges.loading", "tasks.llm.tunable_model", "tasks.llm.kinds.merge.experts")
"""Where models are loaded."""


def forget() -> None:
    """As another process would find things."""
    from optathlon.llm.judges.loading import _loaded
    from optathlon.tasks.llm import loaded_setup, setups
    from optathlon.tasks.llm.kinds.merge.experts import experts

    loaded_setup.loaded_setup.cache_clear()
    experts.cache_clear()
    _loaded.cache_clear()
    setups._examples.cache_clear()


def test_what_tests_take_is_put_aside(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([0.0, 3.0, 10.0, 14.0, 20.0, 21.0])
    monkeypatch.setattr("optathlon.tasks.llm.usage.time.perf_counter", lambda: next(times))
    usage = Usage("cpu")
    usage.add("train", 100.0)
    for what, side in (("answer", "validation"), ("answer", "test"), ("judge", "validation")):
        with usage.spent(what, side):
            pass
    measured = usage.measured()
    assert measured.pop("peak_memory") > 0
    assert measured == {
        **{"seconds": 104.0, "train_seconds": 100.0, "answer_seconds": 3.0, "judge_seconds": 1.0},
        "test/seconds": 4.0,
    }


def test_a_trial_costs_what_its_parts_take_without_the_tests(own_task: Callable[..., Any]) -> None:
    result = own_task().evaluate(CONFIG, fidelity=1, seed=31)
    parts = {name: value for name, value in result.metrics.items() if name.endswith("_seconds")}
    assert parts.keys() == {"train_seconds", "answer_seconds", "loss_seconds", "judge_seconds"}
    assert result.cost == result.metrics["seconds"] == pytest.approx(sum(parts.values()))
    assert result.aside > result.metrics["test/seconds"] > 0, "the model has been loaded, too"
    assert own_task().evaluate(CONFIG, fidelity=1, seed=31).aside == 0, "nothing of it has been done again"


@pytest.mark.parametrize("kind", ["sft", "merge"])
def test_a_run_that_is_remembered_loads_no_model(
    own_task: Callable[..., Any], llm_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """Neither the one that is tuned nor one that judges."""
    judge = copied_tiny(llm_cache, tmp_path / "judge")
    change_weights(judge)
    config = CONFIG if kind == "sft" else {"drop_rate_a": 0.1, "scale": 1.0, "rescaling": "on"}
    changes: dict[str, Any] = {
        **{"kind": kind, "merge": {"experts": {"a": "train.jsonl"}, "epochs": 1}},
        **{"judge": f"noisy(pool(likelihood({str(judge)!r}), verifier))"},
    }
    level = 1.0 if kind == "sft" else None
    task = own_task(**changes)
    task.prepare()
    before = task.fingerprint(), task.evaluate(config, fidelity=level, seed=32)
    forget()
    with monkeypatch.context() as patched:
        for module in LOADING:
            patched.setattr(import_module(f"optathlon.{module}"), "load_model", _refuse)
        again = own_task(**changes)
        again.prepare()
        fingerprint, result = again.fingerprint(), again.evaluate(config, fidelity=level, seed=32)
        assert (fingerprint, result.values, result.metrics) == (before[0], before[1].values, before[1].metrics)
        with pytest.raises(AssertionError, match="no model"):
            again.evaluate(config, fidelity=level, seed=33)
    change_weights(judge)
    forget()
    assert own_task(**changes).fingerprint() != fingerprint, "the files of a judge are looked at every time"


def test_no_trial_is_charged_for_loading_a_judge(
    own_task: Callable[..., Any], llm_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge = copied_tiny(llm_cache, tmp_path / "judge")
    change_weights(judge)
    task = own_task(judge=f"likelihood({str(judge)!r})")
    task.prepare()
    forget()
    again, loaded = own_task(judge=f"likelihood({str(judge)!r})"), []
    load_model = import_module("optathlon.llm.models").load_model

    def noted(model: str, *rest: Any, **options: Any) -> Any:
        loaded.append(Path(model).name)
        return load_model(model, *rest, **options)

    monkeypatch.setattr(import_module("optathlon.llm.judges.loading"), "load_model", noted)
    again.prepare()
    assert loaded == ["judge"], "before the first trial, and once"
    again.evaluate(CONFIG, fidelity=1, seed=34)
    assert loaded == ["judge"]


def _refuse(*arguments: object, **options: object) -> None:
    raise AssertionError("no model is needed here")


def test_numbers_of_what_is_too_long_are_known_of_the_task(own_task: Callable[..., Any], tmp_path: Path) -> None:
    words = "sum of 1 2 3 4 5 6 7 8 9"
    rows = [
        {"instruction": "mirror a", "output": "a"},
        {"instruction": "mirror b", "output": " ".join("b" * 30)},
        {"instruction": words, "output": "45"},
    ]
    (tmp_path / "llm" / "long.jsonl").write_text("\n".join(map(json.dumps, rows)))
    found = {}
    for too_long in ("drop", "truncate"):
        task = own_task(data={"train": "long.jsonl"}, max_tokens=12, max_new_tokens=2, too_long=too_long)
        assert not [name for name in task.metadata if name.startswith("train")]
        assert not task.notes()
        task.loaded.data.prompts("validation")
        task.prepare()
        found[too_long] = {name: value for name, value in task.metadata.items() if name.startswith("train")}
        assert all(len(one.tokens) <= 12 for one in task.loaded.train)
        (note,) = task.notes()
        assert note.startswith(f"too long, so 2 of train {too_long.removesuffix('e')}")
    assert found == {"drop": {"train_dropped": 2}, "truncate": {"train_truncated": 2}}
    assert json.dumps(dict(task.metadata)), "they are stored as JSON"


def test_data_of_which_nothing_fits_are_refused(own_task: Callable[..., Any]) -> None:
    with pytest.raises(
        UsageError, match="no example of train of the setup 'mine' leaves room for a response within 3 tok"
    ):
        _ = own_task(max_tokens=3).loaded.train
    with pytest.raises(UsageError, match="and answers may have 5,000: lower max_new_tokens"):
        _ = own_task(max_new_tokens=5000).loaded.train


def test_a_tokenizer_of_another_model_is_refused(own_task: Callable[..., Any]) -> None:
    from optathlon.llm.models import Reading
    from optathlon.tasks.llm.prepared_data import PreparedData

    loaded = own_task().loaded
    highest = max(max(one.tokens) for one in loaded.train)
    assert PreparedData(loaded.setup, loaded.template, Reading(None, highest + 1)).train == loaded.train
    strange = PreparedData(loaded.setup, loaded.template, Reading(None, highest))
    with pytest.raises(
        UsageError, match=f"writes the token {highest:,}, and its model knows {highest:,}: they are not"
    ):
        _ = strange.train


def test_a_system_prompt_and_earlier_turns_reach_the_model(own_task: Callable[..., Any], tmp_path: Path) -> None:
    chat = [("user", "mirror a"), ("assistant", "a"), ("user", "sum of 1 2"), ("assistant", "3")]
    row = {"messages": [{"role": role, "content": said} for role, said in chat]}
    (tmp_path / "llm" / "chat.jsonl").write_text(json.dumps(row))
    learnt = {}
    for train_on in ("last", "all"):
        loaded = own_task(data={"train": "chat.jsonl"}, train_on=train_on, template="chatml", system="in full").loaded
        (encoded,) = loaded.train
        text = loaded.tokenizer.decode(encoded.tokens)
        assert loaded.template._rendered(loaded.setup.examples("train")[0], answered=False).startswith(
            "<|im_start|>system\nin full<|im_end|>\n<|im_start|>user\nmirror a"
        )
        assert "mirror" in text
        learnt[train_on] = encoded.learnt
        prompt = loaded.data.examples("validation")[0].judged
        assert prompt.instruction == "System: in full\n\nUser: sum of 3 4"
    assert learnt["all"] > learnt["last"] > 0
