"""Loading models: what is not whole, not a model, or not in its folder is refused in one line."""

from __future__ import annotations

import json
import logging
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from optathlon.errors import UsageError
from optathlon.llm.models import load_model, same_folder

pytest.importorskip("torch", reason="the extra 'llm' is not installed")
pytest.importorskip("transformers", reason="the extra 'llm' is not installed")
pytestmark = pytest.mark.torch

Weights = dict[str, Any]


@pytest.fixture
def model(llm_cache: Path, tmp_path: Path) -> Path:
    """A copy of the tiny model."""
    tiny = next(path for path in (llm_cache / "llm").glob("tiny-*") if path.is_dir())
    return Path(shutil.copytree(tiny, tmp_path / "model"))


def change(model: Path, edit: Callable[[Weights], Weights]) -> None:
    from safetensors.torch import load_file, save_file

    save_file(edit(load_file(model / "model.safetensors")), model / "model.safetensors", {"format": "pt"})


def configure(model: Path, **changes: Any) -> None:
    path = model / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def without_norms(weights: Weights) -> Weights:
    return {name: tensor for name, tensor in weights.items() if "norm" not in name}


def with_one_more(weights: Weights) -> Weights:
    return {**weights, "model.extra.weight": weights["model.norm.weight"].clone()}


def with_shorter_norm(weights: Weights) -> Weights:
    return {**weights, "model.norm.weight": weights["model.norm.weight"][:-1].clone()}


def not_numbers(weights: Weights) -> Weights:
    import torch

    return {**weights, "model.norm.weight": torch.full_like(weights["model.norm.weight"], float("nan"))}


class Noting(logging.Handler):
    """Keeps what is logged."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


def refusal(model: Path) -> str:
    handler, library = Noting(), logging.getLogger("transformers")
    library.addHandler(handler)
    try:
        with pytest.raises(UsageError) as caught:
            load_model(str(model), "cpu", "float32")
    finally:
        library.removeHandler(handler)
    assert not handler.records, "one line says it all"
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_whole_model_is_loaded(model: Path) -> None:
    assert not load_model(str(model), "cpu", "float32").training


@pytest.mark.parametrize(
    ("edit", "complaint"),
    [
        (without_norms, "lacks 7 tensors of the model in its config.json, the first is 'model.layers.0.input_lay"),
        (with_one_more, "has besides 1 tensors of the model in its config.json, the first is 'model.extra.weight'"),
        (with_shorter_norm, "has other shapes of 1 tensors of the model in its config.json, the first is 'model.norm"),
        (not_numbers, "the weights 'model.norm.weight' of"),
    ],
)
def test_weights_that_are_not_those_of_the_configuration_are_refused(
    model: Path, edit: Callable[[Weights], Weights], complaint: str
) -> None:
    change(model, edit)
    assert complaint in refusal(model)


@pytest.mark.parametrize("layers", [1, 5])
def test_a_checkpoint_of_more_or_fewer_layers_is_refused(model: Path, layers: int) -> None:
    configure(model, num_hidden_layers=layers)
    assert ("has besides" if layers == 1 else "lacks") in refusal(model)


def test_another_architecture_is_refused(model: Path) -> None:
    configure(model, model_type="gpt2", architectures=["GPT2LMHeadModel"])
    assert "is not" in refusal(model) or "tensors" in refusal(model)


def header(text: str) -> bytes:
    return len(text.encode()).to_bytes(8, "little") + text.encode()


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"version https://git-lfs.github.com/spec/v1\n", "is a Git-LFS pointer, not the file: run `git lfs pull`"),
        (b"", "is not a safetensors file"),
        (b"x" * 99, "is not a safetensors file"),
        (b"\xff" * 8, "is not a safetensors file"),
        (header("[1]"), "is not a safetensors file"),
        (header('{"a": {"shape": "x", "data_offsets": [0, 4]}}'), "is not a safetensors file"),
        (header('{"a":' * 100_000), "is not a safetensors file"),
        (header('{"a": {"dtype": "F32", "shape": [1], "data_offsets": "evil"}}'), "is not a safetensors file"),
        (header('{"a": {"dtype": "F32", "shape": [Infinity], "data_offsets": [0, 4]}}'), "is not a safetensors file"),
        (header('{"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}'), "is cut short"),
    ],
)
def test_a_file_that_holds_no_weights_is_refused(model: Path, content: bytes, complaint: str) -> None:
    (model / "model.safetensors").write_bytes(content)
    assert f"model.safetensors of {str(model)!r} {complaint}" in refusal(model)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"num_hidden_layers": 200_000}, "asks for 200,000 layers, and its files have"),
        ({"intermediate_size": 10**9}, "weights, and its files have"),
        ({"vocab_size": 10**10}, "weights, and its files have"),
        ({"architectures": ["BertForMaskedLM"]}, "is a BertForMaskedLM, not a causal language model"),
        ({"architectures": ["T5ForConditionalGeneration"], "model_type": "t5"}, "not a causal language model"),
        ({"hidden_size": -1}, "is not a model in the layout of transformers"),
        ({"model_type": "strange"}, "is not a model in the layout of transformers"),
        ({"architectures": "evil"}, "has no list of architectures, but 'evil'"),
        ({"quantization_config": {"quant_method": "evil"}}, "is quantised by 'evil', which transformers doesn't know"),
        ({"quantization_config": "evil"}, "is quantised by 'evil', which transformers doesn't know"),
    ],
)
def test_a_configuration_of_another_model_is_refused_before_room_is_made(
    model: Path, changes: dict[str, Any], complaint: str
) -> None:
    configure(model, **changes)
    assert complaint in refusal(model)


@pytest.mark.parametrize("content", ["", "[]", "{", '{"a":' * 100_000, "\ufeff{}", "\x00"])
def test_a_configuration_that_can_not_be_read_is_refused(model: Path, content: str) -> None:
    (model / "config.json").write_text(content)
    assert str(model) in refusal(model)


def test_a_model_that_is_larger_than_the_memory_is_refused(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import psutil

    from optathlon.llm.weight_files import weights_in

    numbers = weights_in("it", model).numbers
    loaded = load_model(str(model), "cpu", "float32")
    assert numbers == sum(tensor.numel() for tensor in {one.data_ptr(): one for one in loaded.parameters()}.values())
    little = psutil.virtual_memory()._replace(available=4 * numbers - 1)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: little)
    assert f"has {numbers:,} weights, which take" in refusal(model)
    assert not load_model(str(model), "cpu", "bfloat16").training, "half the bytes have room"


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "model.safetensors"])
def test_pipes_devices_and_broken_links_are_refused(model: Path, name: str) -> None:
    """Nobody writes to the pipe: to open it would take forever."""
    makers: list[Callable[[Path], object]] = [
        os.mkfifo,
        lambda path: path.symlink_to("/dev/zero"),
        lambda path: path.symlink_to(path.name),
    ]
    for make in makers:
        (model / name).unlink()
        make(model / name)
        assert f"{name} of {str(model)!r} is not a file" in refusal(model)


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "model.safetensors"])
def test_pointers_of_git_lfs_are_no_files(model: Path, name: str) -> None:
    (model / name).write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 3\n")
    assert f"{name} of {str(model)!r} is a Git-LFS pointer, not the file: run `git lfs pull`" in refusal(model)


def test_an_adapter_is_no_model(model: Path) -> None:
    """Its base would be loaded from wherever it says."""
    (model / "adapter_config.json").write_text('{"base_model_name_or_path": "/elsewhere", "peft_type": "LORA"}')
    assert "is an adapter of another model (adapter_config.json): merge it into that one" in refusal(model)


def test_pickled_weights_are_not_opened(model: Path, tmp_path: Path) -> None:
    import pickle

    class Trap:
        def __reduce__(self) -> Any:
            return Path.touch, (tmp_path / "sprung",)

    (model / "model.safetensors").unlink()
    (model / "pytorch_model.bin").write_bytes(pickle.dumps(Trap()))
    assert "has no weights in safetensors files, only pickled ones (pytorch_model.bin), which can run" in refusal(model)
    assert not (tmp_path / "sprung").exists()


def test_code_in_a_model_folder_is_not_run(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    configure(model, model_type="strange", auto_map={"AutoConfig": "code.C", "AutoModelForCausalLM": "code.M"})
    (model / "code.py").write_text(f"open({str(tmp_path / 'sprung')!r}, 'w')")
    monkeypatch.setattr("builtins.input", lambda *_: "y")
    assert "is not a model in the layout of transformers" in refusal(model)
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("name", ["../model.safetensors", "/etc/passwd", "a/b.safetensors", 3])
def test_an_index_names_only_files_of_its_folder(model: Path, name: object) -> None:
    (model / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"model.norm.weight": name}}))
    assert f"names {name!r}, which is not a file in its folder" in refusal(model)


@pytest.mark.parametrize("content", ["[", "[]", "{}", '{"weight_map": []}'])
def test_an_index_that_is_none_is_refused(model: Path, content: str) -> None:
    (model / "model.safetensors.index.json").write_text(content)
    assert "model.safetensors.index.json" in refusal(model)


def test_one_folder_by_two_names_is_one_model(model: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(model)
    assert same_folder(str(model), str(tmp_path / "link"))
    assert not same_folder(str(model), "tiny")
