"""`tuned`: a language model that was tuned to judge, by a task `llm/judge`."""

from __future__ import annotations

import string
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from optathlon.errors import UsageError, first_complaint
from optathlon.foreign_file import parse_json, read_text
from optathlon.llm.chat import Template
from optathlon.llm.judges.calls import call
from optathlon.llm.judges.loading import loaded, weights_of
from optathlon.llm.judges.wording import Pair, Reader, Wording
from optathlon.llm.judging import Judge, Prompt, Verdicts

FILE, TEMPLATE_FILE = "judge.json", "judge.jinja"
"""What a folder has beside model and tokenizer: how the judge is asked, and its chat template."""
_LARGEST_BYTES = 2**20
_FIELDS = {"task", "first", "second"}


def _fillable(request: str) -> str:
    fields = {field for _, field, _, _ in string.Formatter().parse(request) if field is not None}
    if fields != _FIELDS:
        raise ValueError("a request needs {task}, {first} and {second}, and no other fields")
    return request


def _in_the_folder(template: str) -> str:
    known = ("model", "alpaca", "chatml", TEMPLATE_FILE)
    if template not in known:
        raise ValueError(f"write one of {', '.join(known)}: no file elsewhere is read")
    return template


Request = Annotated[str, AfterValidator(_fillable)]
"""A text with the fields of `Wording.request`."""


class Asking(BaseModel):
    """How a tuned judge is asked: what `judge.json` holds.

    Attributes
    ----------
    request, verdicts:
        As in `Wording`.
    template, template_arguments:
        As in `optathlon.llm.chat.Template`; `judge.jinja` is the file of that name in the folder, and no other is read.
    most_tokens:
        Of question and verdict together.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    request: Request
    verdicts: tuple[str, str, str]
    template: Annotated[str, AfterValidator(_in_the_folder)]
    template_arguments: dict[str, Any] = Field(default_factory=dict)
    most_tokens: Annotated[int, Field(ge=1)]

    @property
    def wording(self) -> Wording:
        """The words."""
        return Wording(self.request, self.verdicts)


class Tuned(Judge):
    """A model tuned by `optathlon judge tune`: it says in one token which answer is better, or that neither is.

    The preference is the probability of "the first" plus half that of "a tie", among the three verdicts; 0.5 where a
    tie is the likeliest. A pair that is longer than what it was tuned for is not understood, and neither is one with
    words that its tokenizer doesn't know.

    Parameters
    ----------
    model:
        The folder.

    Raises `UsageError` where it is not the folder of a tuned judge.
    """

    def __init__(self, model: str) -> None:
        self._model = model
        self._asking = read_asking(Path(model).expanduser())
        self.template = self._asking.request
        self.id = call("tuned", type(self), {"model": model})

    def check(self) -> None:
        """Load the model, if its files are new. Raises `MissingData` where it would have to be fetched."""
        weights_of(self._model)

    def load(self) -> None:
        """Load the model."""
        loaded(self._model)

    def weights(self) -> str:
        """Hash the model, which is loaded if its files are new."""
        return weights_of(self._model)

    def prefer(
        self, prompts: Sequence[Prompt], candidate: Sequence[str], reference: Sequence[str], *, seed: int
    ) -> Verdicts:
        """Load the model on first use, and ask."""
        if not prompts:
            return Verdicts(np.ones(0))
        judge, asking = loaded(self._model), self._asking
        template = Template(judge.tokenizer, _template(Path(self._model), asking), asking.template_arguments)
        reader = Reader(template, asking.wording, min(asking.most_tokens, judge.context or asking.most_tokens))
        pairs = [Pair(*pair) for pair in zip(prompts, candidate, reference, strict=True)]
        questions = [reader.question(pair) for pair in pairs]
        preferences = reader.preferences(judge.model, judge.tokenizer.pad_token_id, judge.device, questions)
        unread = next((pair for pair, question in zip(pairs, questions, strict=True) if question is None), None)
        return Verdicts(preferences, unclear=f"it can't read the pair of {unread.prompt.id!r}" if unread else "")


class JudgeTuner(ABC):
    """A task whose result is a judge."""

    @abstractmethod
    def save_judge(self, config: Mapping[str, Any], folder: Path, *, seed: int) -> Mapping[str, float]:
        """Tune a judge by a configuration and write it to a folder that `tuned` takes; what it is worth, by name."""


def read_asking(folder: Path) -> Asking:
    """What the file in the folder of a tuned judge says. Raises `UsageError` where there is none, or it is wrong."""
    path = folder / FILE
    if not path.is_file():
        raise UsageError(f"{str(folder)!r} is not a tuned judge (it has no {FILE}): make one by `optathlon judge tune`")
    content = parse_json(read_text(path, "judge", most_bytes=_LARGEST_BYTES), repr(str(path)))
    try:
        return Asking.model_validate(content)
    except ValidationError as error:
        place, complaint = first_complaint(error)
        raise UsageError(": ".join(filter(None, (repr(str(path)), place, complaint)))) from None


def write_judge(folder: Path, model: Any, tokenizer: Any, template: Template, asking: Asking) -> None:
    """Write what `tuned` takes: a model of transformers and its tokenizer, and how it is asked."""
    folder.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    if asking.template == TEMPLATE_FILE:
        (folder / TEMPLATE_FILE).write_text(template.text, encoding="utf-8")
    (folder / FILE).write_text(f"{asking.model_dump_json(indent=2)}\n", encoding="utf-8")


def _template(folder: Path, asking: Asking) -> str:
    """Its name, or the path of the one in the folder."""
    return str(folder.expanduser() / TEMPLATE_FILE) if asking.template == TEMPLATE_FILE else asking.template
