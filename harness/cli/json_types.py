"""What `--json` prints, as types. `docs/json.md` and the schemas in `docs/schemas/` are made of them.

Keys are never taken away, and their meaning does not change; new ones may come. Numbers that are not known are null.
"""

from __future__ import annotations

from typing import Any, Literal, NotRequired

from typing_extensions import TypedDict


class OptimizerDocument(TypedDict):
    """An optimizer."""

    id: str
    """By which commands take it."""
    kind: Literal["optimizer"]
    broken: NotRequired[str]
    """Why nothing more can be said of it."""
    description: NotRequired[str]
    """The first line of its documentation."""
    capabilities: NotRequired[list[str]]
    """What it can make use of or represent."""
    requires: NotRequired[list[str]]
    """What a task must have for it."""
    deterministic: NotRequired[bool]
    """Whether the same seed gives the same trials."""
    installed: NotRequired[bool]
    """Whether its packages, and the environment that it needs, are here."""
    install: NotRequired[str]
    """What installs what is missing; empty where nothing is."""


class OptionDocument(TypedDict):
    """An option of an optimizer."""

    name: str
    type: str
    """As its signature has it."""
    default: Any
    """The default as JSON, or its text where JSON can't hold it."""


class OptimizerDetails(OptimizerDocument):
    """An optimizer with its options."""

    documentation: str
    """Its whole documentation."""
    options: list[OptionDocument]
    """What may stand in brackets after the id."""


class TaskDocument(TypedDict):
    """What is known of a task without making it."""

    id: str
    """By which commands take it."""
    kind: Literal["task"]
    collection: str
    """The first part of the id."""
    type: Literal["blackbox", "multi-fidelity", "multi-objective", "multi-fidelity-objective"]
    evaluation: Literal["function", "table", "surrogate", "training", "unknown"]
    """What a trial does."""
    domain: str
    """What it is about, in a word or two."""
    description: str
    """What is tuned on what, and what the objectives mean."""
    floats: int
    integers: int
    ordinals: int
    categoricals: int
    conditional: bool
    """Whether some hyperparameters are active only under conditions."""
    forbidden: bool
    """Whether some configurations are forbidden."""
    log: bool
    """Whether there are logarithmic scales."""
    objectives: int
    constraints: int
    noisy: bool
    """Whether a trial's seed changes its values."""
    fidelity: str
    """Its name; empty where there is none."""
    resumable: bool
    """Whether a trial at a higher level can go on from one at a lower level."""
    optimum: bool
    """Whether the optimum, or the hypervolume of the Pareto front, is known."""
    seconds: float | None
    """About how long a full evaluation takes, in CPU-seconds."""
    download: bool
    """Whether data must be fetched first."""
    recommended: bool
    """Whether it is one of those to compare optimizers on."""
    licence: str
    """SPDX identifier, or `unstated`."""
    citation: str
    """Where it was published."""


class ObjectiveDocument(TypedDict):
    """An objective of a task."""

    name: str
    direction: Literal["minimize", "maximize"]
    optimum: float | None
    """The best attainable value."""


class FidelityDocument(TypedDict):
    """The fidelity of a task."""

    name: str
    lower: float
    upper: float
    """The level of a full evaluation."""
    levels: list[float]
    """The only ones that exist; empty where all between the bounds do."""


class BudgetDocument(TypedDict):
    """When a run ends."""

    amount: float
    unit: Literal["evaluations", "seconds", "cost"]


class ProblemDocument(TypedDict):
    """What an optimizer may know of a task."""

    objectives: list[ObjectiveDocument]
    fidelity: FidelityDocument | None
    constraints: list[str]
    """Names; a configuration is feasible where all of their values are at most 0."""
    budget: BudgetDocument
    """The task's own."""
    space: dict[str, Any]
    """The search space, as ConfigSpace serialises it."""


class TaskDetails(TaskDocument):
    """A task with its problem."""

    version: str
    """Runs of different versions are different runs."""
    metadata: dict[str, Any]
    problem: ProblemDocument


class CollectionDocument(TypedDict):
    """A collection of tasks."""

    id: str
    """By which commands take it."""
    kind: Literal["collection"]
    broken: NotRequired[str]
    """Why nothing more can be said of it."""
    description: NotRequired[str]
    tasks: NotRequired[int]
    """How many it lists."""
    installed: NotRequired[bool]
    """Whether the packages that it needs are here."""
    install: NotRequired[str]
    """What installs what is missing; empty where nothing is."""
    data: NotRequired[str]
    """Which data must be fetched; empty where none."""


class PartDocument(TypedDict):
    """One of the disjoint sets of tasks of a subset."""

    name: Literal["all", "dev", "test"]
    tasks: list[str]
    discrepancy: float
    """Star discrepancy to the target, in [0, 1]."""
    lower_bound: float | None
    """Proven bound on the least that as many tasks can have."""


class SubsetDocument(TypedDict):
    """A representative subset."""

    id: str
    """As it is written where a task is asked for: `subset:NAME`."""
    kind: Literal["subset"]
    type: str
    """Of its tasks, or `any`."""
    of: int
    """From how many tasks it was chosen."""
    optimizers: list[str]
    """By whose results it was chosen."""
    parts: list[PartDocument]


class CarpsDocument(TypedDict):
    """What a name of CARP-S stands for."""

    id: str
    kind: Literal["carps"]
    tasks: dict[str, str | None]
    """Ids of ours by names of CARP-S; null where there is none."""
    reasons: dict[str, str]
    """Why, by those names."""


class FailureDocument(TypedDict):
    """Runs that failed alike."""

    status: str
    reason: str
    runs: int


class DriverDocument(TypedDict):
    """A process that is at work on a results folder."""

    host: str
    pid: int
    executor: str
    jobs: int
    """Workers."""
    total: int
    """Runs that it was given."""
    left: int
    """Of them, how many have not ended."""
    running: list[str]
    """A line for each run that is going on."""


class SlowDocument(TypedDict):
    """How long an optimizer's runs take."""

    optimizer: str
    seconds: float
    """Mean wall-clock time of a run."""
    runs: int


class StatusDocument(TypedDict):
    """`optathlon status`."""

    folder: str
    statuses: dict[str, int]
    """Stored runs by status."""
    failures: list[FailureDocument]
    """The most frequent first."""
    drivers: list[DriverDocument]
    """Who is at work."""
    planned: int | None
    """Runs of the experiments that are stored in the folder; null where none is."""
    left: int
    """Runs that are still to do, as far as that is known."""
    journals: int
    """Long runs that have begun and are not stored."""
    rate: float
    """Runs per second in the last ten minutes."""
    seconds_left: float | None
    """At this rate."""
    slowest: list[SlowDocument]
    """The slowest optimizers first."""
    files: int
    bytes: int
    """On disk."""


class ChangeDocument(TypedDict):
    """What changed for an optimizer from A to B."""

    optimizer: str
    pairs: int
    """Runs in both."""
    tasks: int
    identical: float
    """Share of the runs that are the same value by value."""
    better: int
    """Tasks on which B is better; `equal` and `worse` likewise."""
    equal: int
    worse: int
    difference: float | None
    """Mean change of the normalised regret, which is 0 at best and 1 at worst; below 0 is better."""
    low: float | None
    """Its 95 % interval, from here to `high`."""
    high: float | None
    p_value: float | None
    """Of the test that there is no change, corrected for the number of optimizers."""
    verdict: Literal["better", "worse", "unclear", ""]
    """Empty where no difference can be shown; `unclear` where test, mean and number of tasks disagree."""
    seconds_first: float | None
    """An optimizer's own seconds per trial in A; `seconds_second` in B."""
    seconds_second: float | None
    failed_only_first: int
    """Runs that failed in A only; `failed_only_second` in B only."""
    failed_only_second: int


class TaskChangeDocument(TypedDict):
    """What changed for an optimizer on a task."""

    optimizer: str
    task: str
    seeds: int
    """How many are in both."""
    regret_first: float | None
    """Mean normalised regret in A, from 0 at best to 1; `regret_second` in B."""
    regret_second: float | None
    difference: float | None
    """Second less first: below 0 is better."""
    outcome: Literal["better", "equal", "worse"]
    """Of B."""


class CompareDocument(TypedDict):
    """`optathlon compare`."""

    first: str
    """What A is called."""
    second: str
    changes: list[ChangeDocument]
    tasks: list[TaskChangeDocument]
    notes: list[str]
    """What can't be compared, and why."""
    report: str
    """The page with both side by side."""


class BestConfigurationDocument(TypedDict):
    """A configuration with what its trials gave."""

    config: dict[str, Any]
    """Its active hyperparameters."""
    values: dict[str, float]
    """Of the objectives, by name; the mean over its trials where there are several."""
    constraints: dict[str, float]
    metrics: dict[str, float]
    fidelity: float | None
    """The level of these trials; null for a task without."""
    times: int
    """How many trials there are."""
    optimizer: str
    """Whose the first of these trials is."""
    seed: int
    trial: int


class BestOfTaskDocument(TypedDict):
    """The best configurations of one version of a task."""

    task: str
    version: str
    directions: dict[str, Literal["minimize", "maximize"]]
    """By objective."""
    best: list[BestConfigurationDocument]
    """The best first; of several objectives the Pareto set, by the first objective."""
    of: int
    """How many there are, of which `best` may be a part."""
    note: str
    """What should be known of it."""


class BestDocument(TypedDict):
    """`optathlon best`."""

    tasks: list[BestOfTaskDocument]


ListDocument = list[OptimizerDocument] | list[TaskDocument] | list[CollectionDocument] | list[SubsetDocument]
"""`optathlon list`."""

InfoDocument = OptimizerDetails | CollectionDocument | SubsetDocument | CarpsDocument | TaskDetails | list[TaskDetails]
"""`optathlon info`; a list for a table descriptor, which may describe several tasks."""
