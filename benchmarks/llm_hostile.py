"""Models, files and calls that no judge should be given: each must end in one line, soon, and with exit code 2.

    python benchmarks/llm_hostile.py [NAME …]

Each case is a child of this process, forked once the libraries are loaded, with limits of time and memory. It calls
`optathlon judge validate` as one would. The last line tells how many of all cases ended as they should.
"""

from __future__ import annotations

import gzip
import json
import os
import resource
import shutil
import signal
import struct
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from optathlon.text import shortened

SECONDS, BYTES = 600, 12 * 2**30
"""What a case may take: a template alone may compute for five seconds, on however busy a machine."""
SHOWN = 600
DEEP = "[" * 100_000
ITEM = {"idx": 1, "instruction": "sum of 1 2", "response1": "3", "response2": "4", "annotator1": 1}
BOMB = "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}"

Change = Callable[[Path], object]


class Case(NamedTuple):
    """What is called in a folder that has `items.json` and the folder `model`, after `change` has spoiled it."""

    name: str
    change: Change
    judge: str = "likelihood('model')"
    data: str = "items.json"
    code: int = 2


def writes(name: str, content: str | bytes) -> Change:
    """A file of the model that holds something else."""
    raw = content.encode() if isinstance(content, str) else content
    return lambda folder: _replaced(folder / "model" / name).write_bytes(raw)


def sets(**values: object) -> Change:
    """Other values in `config.json`."""

    def change(folder: Path) -> None:
        path = folder / "model" / "config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | values))

    return change


def says(**values: object) -> Change:
    """Other values in `tokenizer_config.json`, and no template beside it."""

    def change(folder: Path) -> None:
        (folder / "model" / "chat_template.jinja").unlink(missing_ok=True)
        path = folder / "model" / "tokenizer_config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | values))

    return change


def templates(text: str) -> Change:
    """A chat template."""
    return lambda folder: (
        says(chat_template=text)(folder),
        (folder / "model" / "chat_template.jinja").write_text(text),
    )


def weighs(alter: Callable[[dict[str, Any]], dict[str, Any]]) -> Change:
    """Other tensors."""

    def change(folder: Path) -> None:
        from safetensors.torch import load_file, save_file

        path = folder / "model" / "model.safetensors"
        save_file(alter(load_file(path)), path, {"format": "pt"})

    return change


def heads(header: object, rest: bytes = b"", length: int | None = None) -> Change:
    """A file of tensors with this header."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return writes("model.safetensors", struct.pack("<Q", len(text) if length is None else length) + text + rest)


def items(content: str | bytes, name: str = "items.json") -> Change:
    """Other items."""
    raw = content.encode() if isinstance(content, str) else content
    return lambda folder: _replaced(folder / name).write_bytes(raw)


def links(name: str, to: str) -> Change:
    """A link in the place of a file."""
    return lambda folder: _replaced(folder / name).symlink_to(to)


def pipes(name: str) -> Change:
    """A pipe that nobody writes to in the place of a file."""
    return lambda folder: os.mkfifo(_replaced(folder / name))


def removes(*patterns: str) -> Change:
    """Without these files of the model."""

    def change(folder: Path) -> None:
        for path in [path for pattern in patterns for path in (folder / "model").glob(pattern)]:
            path.unlink()

    return change


def indexed(weight_map: object) -> Change:
    """With an index of its weights."""
    return writes("model.safetensors.index.json", json.dumps({"weight_map": weight_map}))


def unchanged(folder: Path) -> None:
    """Nothing is wrong with the files."""


def _replaced(path: Path) -> Path:
    path.unlink(missing_ok=True)
    return path


def _first_matrix(tensors: dict[str, Any]) -> str:
    return next(name for name, tensor in tensors.items() if tensor.ndim == 2)


def _spoilt(value: float) -> Callable[[dict[str, Any]], dict[str, Any]]:
    def alter(tensors: dict[str, Any]) -> dict[str, Any]:
        tensors[_first_matrix(tensors)][0, 0] = value
        return tensors

    return alter


def _without_first(tensors: dict[str, Any]) -> dict[str, Any]:
    return {name: tensor for name, tensor in tensors.items() if name != _first_matrix(tensors)}


def _misshaped(tensors: dict[str, Any]) -> dict[str, Any]:
    name = _first_matrix(tensors)
    return tensors | {name: tensors[name][:-1].clone()}


def _with_more(tensors: dict[str, Any]) -> dict[str, Any]:
    return tensors | {"model.layers.99.evil.weight": tensors[_first_matrix(tensors)].clone()}


def models() -> Iterator[Case]:
    """What can be wrong with a model's folder."""
    yield Case("no folder", lambda folder: shutil.rmtree(folder / "model"))
    yield Case("an empty folder", removes("*"))
    yield Case("no config", removes("config.json"))
    configs: dict[str, str | bytes] = {
        "empty": "",
        "no JSON": "{",
        "a list": "[]",
        "null": "null",
        "deep": DEEP,
        "deep object": '{"a":' * 100_000,
        "not UTF-8": b'{"a": "\xff\xfe"}',
        "a huge number": '{"vocab_size": ' + "9" * 10_000 + "}",
        "20 MB": json.dumps({"a": "x" * 20_000_000}),
        "an empty object": "{}",
        "surrogates": '{"model_type": "\\ud800"}',
    }
    for name, text in configs.items():
        yield Case(f"config: {name}", writes("config.json", text))
    wrong: dict[str, dict[str, object]] = {
        "unknown kind": {"model_type": "evil"},
        "no text": {"model_type": 7},
        "BERT": {"model_type": "bert", "architectures": ["BertModel"]},
        "T5": {"model_type": "t5", "architectures": ["T5ForConditionalGeneration"]},
        "GPT-2": {"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"]},
        "its own code": {
            "model_type": "evil",
            "auto_map": {"AutoConfig": "evil.Evil", "AutoModelForCausalLM": "evil.E"},
        },
        "negative width": {"hidden_size": -64},
        "a width of 0": {"hidden_size": 0},
        "a width in words": {"hidden_size": "large"},
        "no heads": {"num_attention_heads": 0},
        "heads that don't divide": {"num_attention_heads": 7, "num_key_value_heads": 7, "head_dim": None},
        "200,000 layers": {"num_hidden_layers": 200_000},
        "10^12 layers": {"num_hidden_layers": 10**12},
        "fewer layers": {"num_hidden_layers": 1},
        "more layers": {"num_hidden_layers": 5},
        "negative layers": {"num_hidden_layers": -1},
        "10^12 words": {"vocab_size": 10**12},
        "few words": {"vocab_size": 3},
        "rotary embeddings in words": {"rope_parameters": "evil", "rope_theta": "evil"},
        "an unknown type": {"dtype": "float7", "torch_dtype": "float7"},
        "an unknown activation": {"hidden_act": "evil"},
        "4 bits": {"quantization_config": {"quant_method": "bitsandbytes", "load_in_4bit": True}},
        "GPTQ": {"quantization_config": {"quant_method": "gptq", "bits": 4}},
        "unknown quantisation": {"quantization_config": {"quant_method": "evil"}},
        "architectures in words": {"architectures": "evil"},
        "a wide middle": {"intermediate_size": 10**9},
    }
    for name, values in wrong.items():
        yield Case(f"config: {name}", sets(**values))
    yield Case("config: one position", sets(max_position_embeddings=1), code=1)  # nothing is understood
    yield Case("config: a pipe", pipes("model/config.json"))
    yield Case("config: without end", links("model/config.json", "/dev/zero"))
    yield Case("config: a link to itself", links("model/config.json", "config.json"))
    yield Case("config: a folder", lambda folder: _replaced(folder / "model" / "config.json").mkdir())


def weights() -> Iterator[Case]:
    """What can be wrong with its weights."""
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"
    one = {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]}
    yield Case("weights: none", removes("*.safetensors"))
    yield Case(
        "weights: pickled",
        lambda folder: (removes("*.safetensors")(folder), writes("pytorch_model.bin", b"\x80")(folder)),
    )
    yield Case("weights: a pointer", writes("model.safetensors", pointer))
    yield Case("weights: empty", writes("model.safetensors", b""))
    yield Case("weights: cut", lambda folder: os.truncate(folder / "model" / "model.safetensors", 5_000))
    yield Case("weights: text", writes("model.safetensors", "no tensors at all"))
    yield Case("weights: a huge header", heads(b"{}", length=2**62))
    yield Case("weights: a header that is no JSON", heads(b"{]"))
    yield Case("weights: a header that is a list", heads([1, 2]))
    yield Case("weights: a deep header", heads(DEEP.encode()))
    yield Case("weights: negative offsets", heads({"a": one | {"data_offsets": [-16, 0]}}))
    yield Case("weights: offsets beyond", heads({"a": one | {"data_offsets": [0, 2**60]}}))
    yield Case("weights: offsets in words", heads({"a": one | {"data_offsets": "evil"}}))
    yield Case("weights: overlapping", heads({"a": one, "b": one}, bytes(16)))
    yield Case("weights: a shape of another size", heads({"a": one | {"shape": [10**9, 10**9]}}, bytes(16)))
    yield Case("weights: a negative shape", heads({"a": one | {"shape": [-2, -2]}}, bytes(16)))
    yield Case("weights: an unknown type", heads({"a": one | {"dtype": "F7"}}, bytes(16)))
    yield Case("weights: another model's", heads({"a": one}, bytes(16)))
    yield Case("weights: not a number", weighs(_spoilt(float("nan"))))
    yield Case("weights: infinite", weighs(_spoilt(float("inf"))))
    yield Case("weights: one missing", weighs(_without_first))
    yield Case("weights: one too many", weighs(_with_more))
    yield Case("weights: one misshaped", weighs(_misshaped))
    yield Case("weights: a pipe", pipes("model/model.safetensors"))
    yield Case("weights: without end", links("model/model.safetensors", "/dev/zero"))
    yield Case("weights: a link to itself", links("model/model.safetensors", "model.safetensors"))
    yield Case("weights: a folder", lambda folder: _replaced(folder / "model" / "model.safetensors").mkdir())
    yield Case("index: a file elsewhere", indexed({"a": "../evil.safetensors"}))
    yield Case("index: an absolute path", indexed({"a": "/etc/passwd"}))
    yield Case("index: a number", indexed({"a": 7}))
    yield Case(
        "index: a missing part",
        lambda folder: (removes("*.safetensors")(folder), indexed({"a": "1.safetensors"})(folder)),
    )
    yield Case("index: a list", indexed([]))
    yield Case("index: no JSON", writes("model.safetensors.index.json", "{"))
    yield Case("index: deep", writes("model.safetensors.index.json", DEEP))
    yield Case("adapter of another model", writes("adapter_config.json", "{}"))


def tokenizers() -> Iterator[Case]:
    """What can be wrong with tokenizer and template."""
    yield Case("tokenizer: none", removes("tokenizer*", "*.jinja", "special*", "vocab*"))
    for name, text in {"no JSON": "{", "empty": "", "a list": "[]", "deep": DEEP, "an empty object": "{}"}.items():
        yield Case(f"tokenizer: {name}", writes("tokenizer.json", text))
    for name, text in {"no JSON": "{", "a list": "[]", "deep": DEEP}.items():
        yield Case(f"tokenizer's config: {name}", writes("tokenizer_config.json", text))
    yield Case(
        "tokenizer: an unknown class", says(tokenizer_class="EvilTokenizer", auto_map={"AutoTokenizer": ["e.E", None]})
    )
    yield Case("tokenizer: a pipe", pipes("model/tokenizer.json"))
    yield Case("tokenizer: without end", links("model/tokenizer.json", "/dev/zero"))
    yield Case("template: a number", says(chat_template=7))
    yield Case("template: raises", templates("{{ raise_exception('evil') }}"))
    yield Case("template: no syntax", templates("{% for %}"))
    yield Case("template: 10^10 rounds", templates(BOMB))
    yield Case("template: 5 MB", templates("x" * 5_000_000))
    yield Case("template: much memory", templates("{{ 'x' * 10 ** 10 }}"))
    yield Case("template: deep", templates("{{ " + "(" * 5_000 + "1" + ")" * 5_000 + " }}"))
    yield Case("template: leaves its sandbox", templates("{{ ''.__class__.__mro__[1].__subclasses__() }}"))
    yield Case("template: nothing", templates(""))
    yield Case("template: undefined", templates("{{ evil.evil }}"))


def other_files() -> Iterator[Case]:
    """What can be wrong with GGUF files and with labelled items."""
    ggufs = {
        "empty": b"",
        "a pointer": b"version https://git-lfs.github.com/spec/v1\n",
        "its mark alone": b"GGUF",
        "nothing in it": b"GGUF\x03\x00\x00\x00" + bytes(16),
        "an unknown version": b"GGUF\x63\x00\x00\x00" + b"\xff" * 200,
        "2^62 tensors": b"GGUF\x03\x00\x00\x00" + struct.pack("<QQ", 2**62, 0) + bytes(64),
        "2^62 keys": b"GGUF\x03\x00\x00\x00" + struct.pack("<QQ", 0, 2**62) + bytes(64),
        "a key of 2^62 letters": b"GGUF\x03\x00\x00\x00" + struct.pack("<QQQ", 0, 1, 2**62) + bytes(64),
    }
    for name, raw in ggufs.items():
        yield Case(f"GGUF: {name}", items(raw, "m.gguf"), "likelihood('m.gguf')")
    yield Case("GGUF: without end", links("m.gguf", "/dev/zero"), "likelihood('m.gguf')")
    yield Case("GGUF: a pipe", pipes("m.gguf"), "likelihood('m.gguf')")
    wrong: dict[str, str | bytes] = {
        "no JSON": "{",
        "empty": "",
        "no item": "[]",
        "a number": "7",
        "deep": DEEP,
        "not UTF-8": b'[{"idx": "\xff"}]',
        "no id": json.dumps([{**ITEM, "idx": None} | {}]).replace('"idx": null, ', ""),
        "one twice": json.dumps([ITEM, ITEM]),
        "an unknown label": json.dumps([ITEM | {"annotator1": 3}]),
        "a label that is no number": json.dumps([ITEM | {"annotator1": float("nan")}]),
        "no label": json.dumps([{name: value for name, value in ITEM.items() if name != "annotator1"}]),
        "no text": json.dumps([ITEM | {"response1": None}]),
    }
    for name, content in wrong.items():
        yield Case(f"items: {name}", items(content), "verifier")
    yield Case("items: a packed bomb", items(gzip.compress(bytes(10**9), 1), "b.json.gz"), "verifier", "b.json.gz")
    yield Case("items: cut in the middle", items(gzip.compress(b"[]" * 999)[:20], "b.json.gz"), "verifier", "b.json.gz")
    yield Case("items: a pipe", pipes("items.json"), "verifier")
    yield Case("items: without end", links("items.json", "/dev/zero"), "verifier")
    yield Case("items: a folder", lambda folder: _replaced(folder / "items.json").mkdir(), "verifier")


def calls() -> Iterator[Case]:
    """What can be wrong with a judge's call."""
    wrong = [
        *("", "evil", "verifier(", "verifier()()", "7", "'verifier'", "verifier(7)", "lambda: 0", "__import__('os')"),
        *(
            "likelihood()",
            "likelihood(7)",
            "likelihood('')",
            "likelihood('model', per='word')",
            "likelihood('../' * 9)",
        ),
        *("likelihood('model', temperature=0.0)", "likelihood('model', temperature=-1.0)", "likelihood('model', a=1)"),
        *("likelihood('model', template='none.jinja')", "tuned('model')", "tuned('none')", "pandalm('none')"),
        *("pool()", "pool(7)", "noisy(verifier, p_flip=2.0)", "noisy(verifier, p_flip='much')"),
        *("endpoint('file:///etc/passwd', 'm')", "endpoint('http://', 'm')", "endpoint('http://127.0.0.1:9/v1', 'm')"),
        *("noisy(" * 900 + "verifier" + ")" * 900, "verifier" * 10_000, "likelihood('\x00')", "likelihood('\\ud800')"),
    ]
    yield from (Case(f"call: {call[:50]!r}", unchanged, call) for call in wrong)
    for name, text in {"no JSON": "{", "a list": "[]", "deep": DEEP, "nothing": "{}"}.items():
        yield Case(f"tuned: {name}", writes("judge.json", text), "tuned('model')")
    asking: dict[str, object] = {
        "request": "{task} {first} {second}",
        "verdicts": ["0", "1", "2"],
        "template": "model",
        "most_tokens": 64,
    }
    others: dict[str, dict[str, object]] = {
        "unknown fields": {"request": "{task.__class__} {first} {second}"},
        "verdicts alike": {"verdicts": ["0", "0", "0"]},
        "no room": {"most_tokens": -1},
        "its template elsewhere": {"template": "/etc/passwd"},
    }
    for name, values in others.items():
        yield Case(f"tuned: {name}", writes("judge.json", json.dumps(asking | values)), "tuned('model')")


def outcome(case: Case, tiny: Path) -> str:
    """What is wrong with how a case ends; empty where it ends as it should."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copytree(tiny, folder / "model")
        (folder / "items.json").write_text(json.dumps([ITEM]))
        case.change(folder)
        child = os.fork()
        if child == 0:
            _validate(case, folder)
        _, status = os.waitpid(child, 0)
        said = (folder / "said").read_text(errors="replace").strip()
    code = os.waitstatus_to_exitcode(status)
    if code == -signal.SIGALRM:
        return f"hung for {SECONDS} seconds"
    if code != case.code or "\n" in said or not said.startswith("optathlon: "):
        return f"exit code {code}: {shortened(said, SHOWN)!r}"
    return ""


def _validate(case: Case, folder: Path) -> None:
    from optathlon.cli import main

    os.chdir(folder)
    os.environ["OPTATHLON_CACHE"] = str(folder / "cache")
    for stream, number in ((Path("told"), 1), (Path("said"), 2)):
        os.dup2(os.open(stream, os.O_CREAT | os.O_WRONLY), number)
    resource.setrlimit(resource.RLIMIT_AS, (BYTES, BYTES))
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(SECONDS)
    sys.argv = ["optathlon", "judge", "validate", case.data, "--judge", case.judge]
    try:
        main()
    except SystemExit as end:
        sys.stderr.flush()
        os._exit(int(end.code or 0))
    except BaseException:  # whatever it is, the child must end here, and be seen to have failed
        import traceback

        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def run(names: list[str]) -> int:
    """How many cases don't end as they should; those whose names begin so, all by default."""
    from optathlon.llm.judges.loading import loaded
    from optathlon.llm.tiny.pretraining import tiny_model

    loaded("tiny")  # libraries are loaded once, before forking
    cases = [case for kind in (models, weights, tokenizers, other_files, calls) for case in kind()]
    chosen = [case for case in cases if not names or case.name.startswith(tuple(names))]
    wrong = 0
    for case in chosen:
        if complaint := outcome(case, tiny_model()):
            wrong += 1
            print(f"{case.name}: {complaint}", flush=True)
    print(f"{len(chosen) - wrong} of {len(chosen)} ended as they should")
    return wrong


if __name__ == "__main__":
    from optathlon.running.environment import pin

    pin()  # now, as each command would otherwise start this file again
    sys.exit(min(1, run(sys.argv[1:])))
