"""Setups: which model is tuned on which data, and who judges it. Everything but the hyperparameters.

`tiny` and `smol` are built in; others are read from files (see `optathlon.tasks.llm.setup_files`). Files that a setup
names are relative to its own.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from optathlon.llm.chat import Learnt
from optathlon.llm.data import read_rows, refuse_shared_prompts
from optathlon.llm.examples import Example, with_system
from optathlon.llm.fitting import TooLong
from optathlon.llm.judging import make_judge
from optathlon.plain_numbers import Real, Whole
from optathlon.resources import Resources
from optathlon.tasks.llm.built_in import BUILT_IN, Questions
from optathlon.tasks.llm.hyperparameters import Fixed, checked
from optathlon.tasks.llm.parts import PARTS
from optathlon.tasks.llm.recipe import OptimizerName
from optathlon.tasks.llm.sources import Sources, read_sources
from optathlon.tasks.llm.tunable_model import DType

Method = Literal["full", "lora"]
Name = TypeVar("Name", bound=str)
Count = Annotated[Whole, Field(ge=1)]
Positive = Annotated[Real, Field(gt=0.0)]
NotNegative = Annotated[Real, Field(ge=0.0)]


def _distinct(names: tuple[Name, ...]) -> tuple[Name, ...]:
    if len({*names}) < len(names):
        raise ValueError(f"each stands once, not {', '.join(names)}")
    return names


def _ordered(bounds: tuple[int, int]) -> tuple[int, int]:
    if bounds[0] > bounds[1]:
        raise ValueError(f"the lower bound stands first, not {bounds[0]:g} before {bounds[1]:g}")
    return bounds


def _increasing(bounds: tuple[float, float]) -> tuple[float, float]:
    if bounds[0] >= bounds[1]:
        raise ValueError(f"a lower bound is followed by a higher one, not {bounds[0]:g} by {bounds[1]:g}")
    return bounds


def _as_json(arguments: dict[str, Any]) -> dict[str, Any]:
    """Texts that are truth values or numbers in JSON, as such."""
    return {name: _parsed(value) for name, value in arguments.items()}


def _parsed(value: Any) -> Any:
    try:
        parsed = json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return value
    return parsed if isinstance(parsed, bool | int | float) else value


def _one_at_most(gpus: float) -> float:
    if gpus > 1.0:
        raise ValueError(f"a trial computes on one GPU, not on {gpus:g}: write 1, and fill more of them by `-j`")
    return gpus


Rates = Annotated[tuple[Positive, Positive], AfterValidator(_increasing)]
"""Bounds of a learning rate."""


def _checked_reference(reference: dict[str, str | int | float] | str) -> dict[str, str | int | float] | str:
    return reference if isinstance(reference, str) else checked(reference)


class Section(BaseModel):
    """What one kind of task needs of a setup: the YAML file has it under the kind's name.

    A kind declares its own as a subclass, whose fields are the keys with their checks. A setup without the section has
    the fields' defaults.
    """

    model_config = ConfigDict(frozen=True)

    @classmethod
    def of_built_in(cls, questions: str) -> Self:
        """That of setups with built-in questions, by their name; by default the fields' defaults."""
        return cls()


SectionT = TypeVar("SectionT", bound=Section)


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """A model, its data and its judges.

    Parameters
    ----------
    name:
        The third part of its tasks' ids.
    model:
        `tiny`, `smol`, a folder in the layout of transformers, a GGUF file, or an id on the Hugging Face hub.
    data:
        The sources of each of `train`, `validation` and `test`: a file, a mapping with its `rows` and `weight`, or a
        list of these; empty for built-in questions. A prompt may be in only one of the three.
    questions:
        Which ones, where there is no `data`: the instructions of `tiny`, or `everyday` ones in plain English.
    judge, test_judge:
        Calls of judges, for the validation prompts and the test prompts; by default the same. Files in them are
        relative to where the command runs.
    reference:
        Hyperparameters of the tuning whose answers are compared with (see `optathlon.tasks.llm.hyperparameters`), or
        the source of its answers: rows with `id`, `answer` and optionally `concise` and `verbose`.
    reference_epochs:
        How long that tuning goes on.
    concise, verbose:
        What is added to an instruction to get the two variants of the reference that length control needs.
    system:
        The system prompt of all chats that have none of their own.
    train_on:
        `last`: the last response of each chat. `all`: all turns of its assistant.
    too_long:
        What becomes of examples of more than `max_tokens`. `truncate`: responses are cut at their end; of prompts that
        leave no room for one, earlier turns go, and the end of the last. `drop`: such examples are left out.
    template:
        `model`, `alpaca`, `chatml`, or a Jinja file.
    template_arguments:
        What the template asks for beside the chat, e.g. `enable_thinking: false`; `true`, `false` and numbers are read
        as in JSON.
    epochs:
        Of a full training.
    max_tokens, max_new_tokens:
        Where training examples and answers are cut.
    methods:
        `full` (all weights), `lora` (a low-rank adapter), or both: full tuning takes four times the weights' memory.
    learning_rates, batch_sizes, ranks:
        Bounds of these hyperparameters, the lower one first.
    lora_learning_rates:
        Bounds of the learning rate of low-rank tunings, where they are others: it is a hyperparameter of its own then.
    optimizers:
        Some of `adamw`, `sgd` and, on a GPU, `adamw-8bit`.
    fixed:
        Hyperparameters that all tunings have and no optimizer searches (the fields of
        `optathlon.tasks.llm.recipe.Recipe` and `optathlon.tasks.llm.tunable_model.Adapter`).
    learning_rate_scale:
        What published learning rates are multiplied by: small models need larger ones.
    device:
        `cpu`, `cuda`, or `auto`: `cuda` where there is a GPU.
    dtype:
        What is computed in. For `bfloat16` the weights that are tuned are kept in `float32`. `nf4` is `bfloat16` with
        weights of 4 bits below the adapters (QLoRA), on GPUs, where all tunings are low-rank.
    gradient_checkpointing:
        Whether activations are computed again in the backward pass, which takes less memory and more time.
    micro_batch_tokens:
        Tokens that are trained on at once at most, padding included; fewer where the memory is too small.
    packing:
        Whether short training examples share rows, in which they don't see each other, instead of being padded.
    compile:
        Whether each layer is compiled by torch when it is first computed.
    answer_batch:
        Prompts that are answered at once.
    downloads:
        Whether models and data sets may be fetched.
    checkpoint_gigabytes:
        Disk space for checkpoints of all setups together.
    seconds, memory:
        The coordinates of hypervolumes' reference points: seconds of a trial, bytes.
    cpus:
        Cores that the process of a trial is bound to, which is also its number of numerical threads.
    gpus:
        GPUs that a trial gets: a share of one (0.25), or 1. A trial computes on one, so that more are refused.
    trial_seconds, trial_memory:
        Seconds and bytes of memory beyond which a trial is ended as `timeout` or `memory`.
    sections:
        What single kinds of tasks need (see `section`).
    """

    name: str
    model: str
    data: dict[str, Sources] = field(default_factory=dict)
    questions: Questions = "tiny"
    judge: str = ""
    test_judge: str = ""
    reference: Annotated[dict[str, str | int | float] | str, AfterValidator(_checked_reference)] = field(
        default_factory=dict
    )
    reference_epochs: Count = 1
    concise: str = "Answer as concisely as possible."
    verbose: str = "Answer with as much detail as possible."
    system: str = ""
    train_on: Learnt = "last"
    too_long: TooLong = "truncate"
    template: str = "model"
    template_arguments: Annotated[dict[str, Any], AfterValidator(_as_json)] = field(default_factory=dict)
    epochs: Count = 3
    max_tokens: Count = 1024
    max_new_tokens: Count = 256
    methods: Annotated[tuple[Method, ...], Field(min_length=1), AfterValidator(_distinct)] = ("full", "lora")
    learning_rates: Rates = (1e-6, 1e-2)
    lora_learning_rates: Rates | None = None
    optimizers: Annotated[tuple[OptimizerName, ...], Field(min_length=1), AfterValidator(_distinct)] = ("adamw",)
    fixed: Fixed = field(default_factory=dict)
    batch_sizes: Annotated[tuple[Count, Count], AfterValidator(_ordered)] = (8, 128)
    ranks: Annotated[tuple[Count, Count], AfterValidator(_ordered)] = (1, 128)
    learning_rate_scale: Positive = 1.0
    device: str = "auto"
    dtype: DType = "bfloat16"
    gradient_checkpointing: bool = False
    micro_batch_tokens: Count = 16_384
    packing: bool = False
    compile: bool = False
    answer_batch: Count = 64
    downloads: bool = False
    checkpoint_gigabytes: NotNegative = 50.0
    seconds: Positive = 3600.0
    memory: Positive = 80e9
    cpus: Count | None = None
    gpus: Annotated[NotNegative, AfterValidator(_one_at_most)] = 0.0
    trial_seconds: Positive | None = None
    trial_memory: Count | None = None
    folder: str = ""
    sections: tuple[Section, ...] = ()

    @property
    def resources(self) -> Resources:
        """What a trial takes."""
        return Resources(
            isolated=True, cpus=self.cpus, gpus=self.gpus, seconds=self.trial_seconds, memory=self.trial_memory
        )

    @property
    def scored_by(self) -> str:
        """The call of the judge of the test prompts."""
        return self.test_judge or self.judge

    def examples(self, part: str) -> tuple[Example, ...]:
        """The examples of `train`, `validation` or `test`. Raises `UsageError` where the data are wrong."""
        return _examples(self)[part]

    def located(self, model: str) -> str:
        """Where a model lies, by a path that in the setup is relative to its file; any other name as it is."""
        path = Path(self.folder) / Path(model).expanduser()
        return str(path) if model not in BUILT_IN_SETUPS and path.exists() else model

    def section(self, kind: type[SectionT]) -> SectionT:
        """What a kind needs of this setup, by the class of its section."""
        given = [section for section in self.sections if isinstance(section, kind)]
        if given:
            return given[0]
        return kind() if self.data else kind.of_built_in(self.questions)

    @property
    def identity(self) -> str:
        """A hash of all that decides what is tuned on what, and how it is judged, but for the weights."""
        identity = hashlib.sha256(repr([getattr(self, name) for name in _DECISIVE]).encode())
        for part in PARTS:
            identity.update(repr(self.examples(part)).encode())
        for call in (self.judge, self.scored_by):
            identity.update(make_judge(call).template.encode())
        if isinstance(self.reference, str):
            identity.update(repr(self.reference_rows).encode())
        return identity.hexdigest()[:16]

    @property
    def reference_rows(self) -> tuple[Mapping[str, Any], ...]:
        """The rows of the file of the reference's answers. Raises `UsageError` where it can't be read."""
        return _reference_rows(self)

    def __hash__(self) -> int:
        return hash((self.name, self.model, self.folder))


_DECISIVE = (
    *("model", "judge", "test_judge", "reference", "reference_epochs", "concise", "verbose", "template"),
    *("questions", "fixed", "epochs", "max_tokens", "max_new_tokens", "dtype", "train_on", "too_long"),
)

TINY = Setup(
    name="tiny",
    model="tiny",
    judge="noisy(pool(verifier, verifier, verifier, length), p_flip=0.1)",
    test_judge="verifier",
    reference={
        **{"method": "full", "learning_rate": 5e-4, "batch_size": 16, "optimizer": "adamw", "schedule": "cosine"},
        **{"warmup": 0.1, "weight_decay": 0.01},
    },
    reference_epochs=2,
    concise="briefly",
    verbose="in full",
    max_tokens=64,
    max_new_tokens=16,
    learning_rates=(1e-5, 1e-1),
    optimizers=("adamw", "sgd"),
    batch_sizes=(8, 64),
    ranks=(1, 32),
    learning_rate_scale=20.0,
    device="cpu",
    dtype="float32",
    answer_batch=512,
    seconds=10.0,
    memory=4e9,
)


SMOL = Setup(
    name="smol",
    model="smol",
    questions="everyday",
    judge="pool(verifier, verifier, verifier, length)",
    test_judge="verifier",
    reference={
        **{"method": "lora", "learning_rate": 1e-3, "batch_size": 4, "optimizer": "adamw", "schedule": "linear"},
        **{"rank": 8, "alpha_over_rank": 2.0, "dropout": 0.0},
    },
    reference_epochs=1,
    concise="Answer with one word.",
    verbose="Explain your answer.",
    template="chatml",
    epochs=2,
    max_tokens=96,
    max_new_tokens=12,
    methods=("lora",),
    learning_rates=(1e-5, 1e-1),
    batch_sizes=(2, 16),
    ranks=(1, 64),
    device="auto",
    dtype="float32",
    answer_batch=32,
    seconds=60.0,
    memory=5e9,
)

BUILT_IN_SETUPS: Mapping[str, Setup] = MappingProxyType({setup.name: setup for setup in (TINY, SMOL)})


@cache
def _examples(setup: Setup) -> Mapping[str, tuple[Example, ...]]:
    folder, data = Path(setup.folder), setup.data
    parts = {
        part: read_sources(data[part], folder, downloads=setup.downloads)
        if data
        else BUILT_IN[setup.questions].examples(part)
        for part in PARTS
    }
    if data:
        refuse_shared_prompts(parts)
    return {part: tuple(with_system(example, setup.system) for example in found) for part, found in parts.items()}


@cache
def _reference_rows(setup: Setup) -> tuple[Mapping[str, Any], ...]:
    return tuple(read_rows(str(setup.reference), Path(setup.folder), setup.downloads))
