"""The conformance suite finds each kind of broken optimizer, and passes good ones."""

from __future__ import annotations

from pathlib import Path

import pytest
from conformance import failures

from optathlon.registry.plugins import load_plugin, optimizer_names
from optathlon.testing import conformance
from optathlon.testing.conformance import optimizer_checks

OPTIMIZERS = '''
import random
from dataclasses import replace
from itertools import count

from optathlon import Capability, Optimizer, Trial
from optathlon.optimizer import Pending
from optathlon.optimizers.random import RandomSearch


class Good(RandomSearch):
    pass


class WaitsForResults(RandomSearch):
    """Synchronous: one trial at a time."""

    def __init__(self, problem, seed):
        super().__init__(problem, seed)
        self.pending = 0

    def ask(self):
        if self.pending:
            return None
        self.pending += 1
        return super().ask()

    def tell(self, trial, result):
        self.pending -= 1


class Waits(WaitsForResults):
    """Waits for each result."""

    pending = Pending.WAITS


class OneTrialAtATime(RandomSearch):
    """Is asked only while nothing is pending."""

    capabilities = RandomSearch.capabilities - {Capability.ASYNCHRONOUS}


class NeverWaits(RandomSearch):
    """Says that it waits."""

    pending = Pending.WAITS


class WithoutReference(RandomSearch):
    """A method."""

    reference = "Someone 2020"


class WithoutDocstring(RandomSearch):
    pass


class RaisesAtStart(RandomSearch):
    def __init__(self, problem, seed):
        raise RuntimeError("no start")


class OutOfBounds(RandomSearch):
    def ask(self):
        trial = super().ask()
        return replace(trial, config={k: v * 1000 + 1 if isinstance(v, float) else v for k, v in trial.config.items()})


class MissingValues(RandomSearch):
    def ask(self):
        return Trial(dict(list(super().ask().config.items())[1:]))


class IgnoresForbidden(RandomSearch):
    def ask(self):
        trial = super().ask()
        config = dict(trial.config)
        if "batch" in config:
            config |= {"kind": "adam", "batch": 16}
            config.pop("momentum", None)
        return replace(trial, config=config)


class NotATrial(RandomSearch):
    def ask(self):
        return super().ask().config


class StopsEarly(RandomSearch):
    def __init__(self, problem, seed):
        super().__init__(problem, seed)
        self.left = 5

    def ask(self):
        self.left -= 1
        return super().ask() if self.left >= 0 else None


class StopsWhenItLikes(RandomSearch):
    """The same trials each time, but not as many."""

    runs = count()

    def __init__(self, problem, seed):
        super().__init__(problem, seed)
        self.left = 5 + next(self.runs) % 2

    def ask(self):
        self.left -= 1
        return super().ask() if self.left >= 0 else None


class UsesGlobalRandomness(RandomSearch):
    def __init__(self, problem, seed):
        super().__init__(problem, random.randrange(2**31))


class RandomLevels(RandomSearch):
    """As many trials as its levels, which no seed drives, happen to cost."""

    capabilities = RandomSearch.capabilities | {Capability.MULTI_FIDELITY}
    requires = frozenset({Capability.MULTI_FIDELITY})

    def ask(self):
        return replace(super().ask(), fidelity=random.choice([1, 3, 9, 27]))


class LevelsOutOfRange(RandomSearch):
    requires = frozenset({Capability.MULTI_FIDELITY})

    def ask(self):
        return replace(super().ask(), fidelity=81)


class RemembersAcrossRuns(RandomSearch):
    runs = count()

    def __init__(self, problem, seed):
        super().__init__(problem, next(self.runs))


class NeedsValues(RandomSearch):
    def tell(self, trial, result):
        self.best = result.values[0]


class RaisesOnFailures(RandomSearch):
    def tell(self, trial, result):
        if not result.ok:
            raise RuntimeError("no failures, please")


class OneAtATime(RandomSearch):
    """Declares that it copes with pending trials, and does not."""

    def __init__(self, problem, seed):
        super().__init__(problem, seed)
        self.pending = False

    def ask(self):
        if self.pending:
            raise RuntimeError("tell me first")
        self.pending = True
        return super().ask()

    def tell(self, trial, result):
        self.pending = False


class NonsenseWhilePending(RandomSearch):
    def __init__(self, problem, seed):
        super().__init__(problem, seed)
        self.pending = 0

    def ask(self):
        self.pending += 1
        return super().ask() if self.pending == 1 else Trial({"nonsense": 1})

    def tell(self, trial, result):
        self.pending -= 1


class TellsInOrder(RandomSearch):
    """Takes it that the result is that of the trial asked last."""

    def ask(self):
        self.last = super().ask()
        return self.last

    def tell(self, trial, result):
        if dict(trial.config) != dict(self.last.config):
            raise RuntimeError("which trial is that?")


class ContinuesUnresumable(RandomSearch):
    capabilities = RandomSearch.capabilities | {Capability.MULTI_FIDELITY}
    requires = frozenset({Capability.MULTI_FIDELITY})

    def __init__(self, problem, seed):
        super().__init__(problem, seed)
        self.first = None

    def ask(self):
        if self.first:
            trial, self.first = self.first, None
            return Trial(trial.config, 27, parent=trial.id)
        return replace(super().ask(), fidelity=9)

    def tell(self, trial, result):
        self.first = trial if trial.parent is None else None


class FitsNothing(RandomSearch):
    @classmethod
    def objection(cls, problem):
        return "it takes no task"


def hidden():
    class Local(RandomSearch):
        pass

    return Local


Local = hidden()


class Resuming(RandomSearch):
    """Continues every trial from a third of the levels, where it can."""

    capabilities = RandomSearch.capabilities | {Capability.MULTI_FIDELITY, Capability.RESUMABLE}
    requires = frozenset({Capability.RESUMABLE})

    def __init__(self, problem, seed):
        super().__init__(problem, seed)
        self.fidelity = problem.fidelity
        self.told = []

    def ask(self):
        if self.told:
            first = self.told.pop()
            return Trial(first.config, self.fidelity.upper, parent=first.id)
        return replace(super().ask(), fidelity=self.fidelity.lower)

    def tell(self, trial, result):
        if trial.parent is None and result.ok:
            self.told.append(trial)


class ResumesStrangers(Resuming):
    def ask(self):
        trial = super().ask()
        return trial if trial.parent is None else replace(trial, config=RandomSearch.ask(self).config)
'''


@pytest.fixture(autouse=True)
def plugins(own_plugins: None, tmp_path: Path) -> Path:
    (tmp_path / "own_optimizers.py").write_text(OPTIMIZERS)
    load_plugin(tmp_path / "own_optimizers.py")
    return tmp_path


@pytest.mark.parametrize("name", ["good", "waits-for-results", "resuming", "random", "sobol"])
def test_good_optimizers_pass(name: str) -> None:
    checks = optimizer_checks(name)
    assert len(checks) >= 5
    assert failures(checks) == {}


@pytest.mark.parametrize(
    ("name", "check", "message"),
    [
        ("raises-at-start", "legal trials", "no start"),
        ("out-of-bounds", "legal trials", "invalid"),
        ("missing-values", "legal trials", "no value for"),
        ("ignores-forbidden", "forbidden: proposes legal trials", "forbidden"),
        ("not-atrial", "legal trials", "crashed"),
        ("stops-early", "legal trials", "stalled"),
        ("stops-when-it-likes", "same seed", "trial 5 differs"),
        ("uses-global-randomness", "same seed", "trial 0 differs"),
        ("random-levels", "same seed", "differs"),
        ("levels-out-of-range", "multi-fidelity", "81"),
        ("remembers-across-runs", "same seed", "trial 0 differs"),
        ("needs-values", "after failed trials", "IndexError"),
        ("raises-on-failures", "after failed trials", "no failures, please"),
        ("one-at-atime", "pending", "tell me first"),
        ("nonsense-while-pending", "pending", "nonsense"),
        ("tells-in-order", "pending", "which trial is that?"),
        ("continues-unresumable", "multi-fidelity: proposes legal trials", "not resumable"),
        ("fits-nothing", "capabilities", "fit no task"),
        ("resumes-strangers", "legal trials", "another configuration"),
    ],
)
def test_broken_optimizers_are_found(name: str, check: str, message: str) -> None:
    found = failures(optimizer_checks(name))
    assert any(check in title and message in text for title, text in found.items()), found


@pytest.fixture
def registered(plugins: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the plugins bring looks as if packages brought it."""
    names = {*optimizer_names()}
    monkeypatch.setattr(conformance, "declared", lambda group: names)


@pytest.mark.usefixtures("registered")
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("waits-for-results", "it waits for results: declare pending = Pending.WAITS"),
        ("one-trial-at-atime", "it is not asynchronous: declare pending = Pending.WAITS"),
        ("never-waits", "it waits for no result within 2000 trials"),
        ("without-reference", "its reference is 'Someone 2020': name authors and year, and a DOI"),
        ("without-docstring", "its docstring is empty"),
    ],
)
def test_what_a_registered_class_must_declare(name: str, message: str) -> None:
    found = failures(optimizer_checks(name))
    assert any(text.startswith(message) for text in found.values()), found


@pytest.mark.usefixtures("registered")
def test_a_registered_class_that_declares_it_passes() -> None:
    assert failures(optimizer_checks("waits")) == {}


def test_others_need_not_declare_it() -> None:
    assert failures(optimizer_checks("without-reference")) == {}


def test_a_class_that_workers_can_not_find_again_is_found(plugins: Path) -> None:
    found = failures(optimizer_checks(f"{plugins / 'own_optimizers.py'}:Local"))
    assert [title for title in found if "pickled" in title] == list(found)
    assert "top of a module" in found["the class can be pickled for worker processes"]
