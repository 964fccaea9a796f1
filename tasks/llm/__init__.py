"""Language models: real tunings whose answers a judge compares with a reference's.

Ids are `llm/KIND/SETUP/OBJECTIVE[+OBJECTIVE…]`, e.g. `llm/sft/tiny/lc-win-rate`. The kinds are tasks of this package,
the setups say which model is tuned on which data and who judges; `tiny` is built in and runs in seconds on a CPU, and
`smol` tunes a real model in less than a minute.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, ClassVar

from optathlon.data_source import DataSource
from optathlon.errors import UsageError
from optathlon.facts import Evaluation, Facts
from optathlon.llm import pandalm_items, smol
from optathlon.stored_facts import StoredFacts
from optathlon.task import Task
from optathlon.tasks.llm.setup_names import SMOL, TINY, own_setups, setup_names

if TYPE_CHECKING:
    from optathlon.tasks.llm.task import LLMTask

_SECONDS = {TINY: 5.0, SMOL: 40.0}
"""About how long a full trial of a built-in setup takes."""
_LONGER = {f"judge/{SMOL}": 600.0}
"""The same where a kind of task takes longer."""


class LLM(StoredFacts):
    """`llm/KIND/SETUP/OBJECTIVE`; a setup is `tiny`, or a YAML file in the folder `llm` of the data folder."""

    name: ClassVar[str] = smol.FOLDER
    description: ClassVar[str] = "Real tuning of language models, whose answers a judge compares with a reference's"
    packages: ClassVar[tuple[str, ...]] = ("torch", "transformers", "peft")
    install: ClassVar[str] = "pip install 'optathlon[llm]'"
    sources: ClassVar[tuple[DataSource, ...]] = (smol.SOURCE, pandalm_items.SOURCE)

    def ids(self) -> Iterator[str]:
        """Every kind on every setup that has what it needs, with the objectives that it lists; others work too."""
        if own_setups():
            yield from self._ids(setup_names())
        else:
            yield from (id for _, ids in self.facts() for id in ids)

    def make(self, id: str) -> Task:
        """The task of that id; `KeyError` where there is none."""
        from optathlon.tasks.llm.kinds import KINDS, SECTIONS
        from optathlon.tasks.llm.setup_files import load_setup

        parts = id.split("/")
        if len(parts) != 4 or parts[1] not in KINDS:
            raise KeyError(id)
        _, kind, setup, objectives = parts
        return KINDS[kind](id, load_setup(setup, SECTIONS), tuple(objectives.split("+")))

    def facts(self) -> Iterator[tuple[Facts, Sequence[str]]]:
        """A group for each task; those of the built-in setups are stored."""
        if own_setups():
            yield from self._derived(setup_names())
        else:
            here = setup_names()
            yield from ((facts, ids) for facts, ids in super().facts() if ids[0].split("/")[2] in here)

    def derived_facts(self) -> Iterator[tuple[Facts, Sequence[str]]]:
        """The facts of the built-in setups."""
        return self._derived([TINY, SMOL])

    def _ids(self, setups: Sequence[str]) -> Iterator[str]:
        from optathlon.tasks.llm.kinds import KINDS

        for kind, cls in KINDS.items():
            for setup in setups:
                if _fits(cls, setup):
                    yield from (f"{self.name}/{kind}/{setup}/{objectives}" for objectives in cls.listed)

    def _derived(self, setups: Sequence[str]) -> Iterator[tuple[Facts, Sequence[str]]]:
        from optathlon.tasks.llm.kinds import KINDS
        from optathlon.tasks.llm.objectives import MEANINGS

        for id in self._ids(setups):
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
                    download=setup != TINY,
                    recommended=setup in _SECONDS,
                    licence="Apache-2.0" if setup in _SECONDS else "unstated",
                ),
                (id,),
            )


def _fits(cls: type[LLMTask], name: str) -> bool:
    """Whether a setup has what a kind needs; one that can't be read passes, so that making the task tells why."""
    from optathlon.tasks.llm.kinds import SECTIONS
    from optathlon.tasks.llm.setup_files import load_setup

    try:
        setup = load_setup(name, SECTIONS)
    except UsageError:
        return True
    try:
        cls.require(setup)
    except UsageError:
        return False
    return True
