"""Language models: real tunings whose answers a judge compares with a reference's.

Ids are `llm/KIND/SETUP/OBJECTIVE[+OBJECTIVE…]`, e.g. `llm/sft/tiny/lc-win-rate`. The kinds are tasks of this package,
the setups say which model is tuned on which data and who judges; `tiny` is built in and runs in seconds on a CPU, and
`smol` tunes a real model in less than a minute.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

from optathlon.data_source import DataSource
from optathlon.errors import UsageError
from optathlon.facts import Evaluation, Facts
from optathlon.llm.smol import FOLDER, SOURCE
from optathlon.task import Collection, Task
from optathlon.tasks.llm.kinds import KINDS, SECTIONS
from optathlon.tasks.llm.objectives import MEANINGS
from optathlon.tasks.llm.setups import SMOL, TINY, load_setup, setup_names
from optathlon.tasks.llm.task import LLMTask

_SECONDS = {TINY.name: 5.0, SMOL.name: 40.0}
"""About how long a full trial of a built-in setup takes."""
_LONGER = {f"judge/{SMOL.name}": 600.0}
"""The same where a kind of task takes longer."""


class LLM(Collection):
    """`llm/KIND/SETUP/OBJECTIVE`; a setup is `tiny`, or a YAML file in the folder `llm` of the data folder."""

    name: ClassVar[str] = FOLDER
    description: ClassVar[str] = "Real tuning of language models, whose answers a judge compares with a reference's"
    packages: ClassVar[tuple[str, ...]] = ("torch", "transformers", "peft")
    install: ClassVar[str] = "pip install 'optathlon[llm]'"
    sources: ClassVar[tuple[DataSource, ...]] = (SOURCE,)

    def ids(self) -> Iterator[str]:
        """Every kind on every setup that has what it needs, with the objectives that it lists; others work too."""
        for kind, cls in KINDS.items():
            for setup in setup_names():
                if _fits(cls, setup):
                    yield from (f"{self.name}/{kind}/{setup}/{objectives}" for objectives in cls.listed)

    def make(self, id: str) -> Task:
        """The task of that id; `KeyError` where there is none."""
        parts = id.split("/")
        if len(parts) != 4 or parts[1] not in KINDS:
            raise KeyError(id)
        _, kind, setup, objectives = parts
        return KINDS[kind](id, load_setup(setup, SECTIONS), tuple(objectives.split("+")))

    def facts(self) -> Iterator[tuple[Facts, Sequence[str]]]:
        """A group for each task."""
        for id in self.ids():
            _, kind, setup, objectives = id.split("/")
            measures = " and ".join(MEANINGS[name] for name in objectives.split("+"))
            yield (
                Facts.of(
                    self.make(id).problem,
                    kind=Evaluation.TRAINING,
                    domain="language models",
                    description=f"Tunes {KINDS[kind].tunes}, with the model and data of the setup {setup}. Measured on "
                    f"prompts for validation: {measures}.",
                    noisy=True,
                    seconds=_LONGER.get(f"{kind}/{setup}", _SECONDS.get(setup)),
                    download=setup != TINY.name,
                    recommended=setup in _SECONDS,
                    licence="Apache-2.0" if setup in _SECONDS else "unstated",
                ),
                (id,),
            )


def _fits(cls: type[LLMTask], name: str) -> bool:
    """Whether a setup has what a kind needs; one that can't be read passes, so that making the task tells why."""
    try:
        setup = load_setup(name, SECTIONS)
    except UsageError:
        return True
    try:
        cls.require(setup)
    except UsageError:
        return False
    return True
