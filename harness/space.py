"""One place for what is easily done wrong with search spaces: activity, forbidden configurations, plain values."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from typing import TYPE_CHECKING, Any, cast

from optathlon.errors import InvalidConfiguration, UsageError
from optathlon.lazy import lazy_module
from optathlon.trial import Value

if TYPE_CHECKING:
    import numpy as np
    from ConfigSpace import ConfigurationSpace
    from ConfigSpace import hyperparameters as hp
else:
    np = lazy_module("numpy")
    hp = lazy_module("ConfigSpace.hyperparameters")

_BOUND_SLACK = 1e-9
"""Relative overshoot of a bound that is rounding (exp(log(x))), not a wrong proposal; it is clipped."""

_WIDEST = 2**62
"""The greatest difference of an integer's bounds: ConfigSpace samples in 64 bits."""

_SHOWN = 60
"""Characters of a value in a message."""


def plain(value: Any) -> Value:
    """`value` as a plain Python object: ConfigSpace returns `numpy.str_` and `numpy.int64`."""
    return cast(Value, value.item()) if isinstance(value, np.generic) else value


def require_usable(space: ConfigurationSpace) -> None:
    """Raise `UsageError`, in one line, for a search space that can't be searched or whose values can't be stored."""
    if not len(space):
        raise UsageError("the search space has no hyperparameters: give at least one, such as {'x': (0.0, 1.0)}")
    for hyperparameter in space.values():
        match hyperparameter:
            case hp.FloatHyperparameter():
                continue
            case hp.IntegerHyperparameter():
                _require_narrow(hyperparameter)
            case _:
                _require_storable(hyperparameter)


def _require_narrow(hyperparameter: hp.IntegerHyperparameter) -> None:
    difference = int(hyperparameter.upper) - int(hyperparameter.lower)
    if difference > _WIDEST:
        raise UsageError(
            f"the hyperparameter {hyperparameter.name!r} has {difference + 1:.3g} values, more than 2**62: "
            "narrow its range"
        )


def _require_storable(hyperparameter: hp.Hyperparameter[Any, Any]) -> None:
    for value in _domain(hyperparameter):
        if not _is_storable(value):
            raise UsageError(
                f"the hyperparameter {hyperparameter.name!r} has the choice {_shortened(value)}, a "
                f"{type(value).__name__}, which can't be stored: give texts, numbers or booleans, and let the "
                "objective look up what they mean"
            )


def has_one_configuration(space: ConfigurationSpace) -> bool:
    """Whether every hyperparameter has a single value."""
    return all(_size(hyperparameter) == 1 for hyperparameter in space.values())


def active_checker(space: ConfigurationSpace) -> Callable[[Mapping[str, Any]], dict[str, Value]]:
    """A function from a proposed configuration to its active hyperparameters as plain Python values.

    Inactive hyperparameters are stripped; constants may be left out. The function raises
    `InvalidConfiguration` for unknown or missing names, values outside their domain, and forbidden
    configurations. Which hyperparameters are active is ConfigSpace's own judgement.
    """
    checkers = {name: _value_checker(hyperparameter) for name, hyperparameter in space.items()}
    constants = {name: plain(one.value) for name, one in space.items() if isinstance(one, hp.Constant)}

    def check_flat(config: Mapping[str, Any]) -> dict[str, Value]:
        try:
            active = {name: check(config[name]) for name, check in checkers.items()}
        except KeyError as missing:
            if missing.args[0] not in constants:
                raise _no_value(missing.args[0]) from None
            return check_flat({**constants, **config})
        if len(config) > len(active):
            raise _unknown_names(config, checkers)
        return active

    def check_structured(config: Mapping[str, Any]) -> dict[str, Value]:
        if config.keys() - checkers.keys():
            raise _unknown_names(config, checkers)
        vector = np.full(len(space), np.nan)
        active: dict[str, Value] = {}
        for index, (name, check) in enumerate(checkers.items()):  # parents come before their children
            if not all(condition.satisfied_by_vector(vector) for condition in space.parent_conditions_of[name]):
                continue
            if name in config:
                active[name] = check(config[name])
            elif name in constants:
                active[name] = constants[name]
            else:
                raise _no_value(name)
            vector[index] = space[name].to_vector(active[name])
        for clause in space.forbidden_clauses:
            if clause.is_forbidden_vector(vector):
                raise InvalidConfiguration(f"the configuration is forbidden by {clause}")
        return active

    return check_structured if space.conditions or space.forbidden_clauses else check_flat


def count_configurations(space: ConfigurationSpace, most: int = 50_000) -> int | None:
    """How many legal configurations `space` has that differ in their active hyperparameters.

    `None` where there are more than `most`, or where counting them meets more than `most` at a time before it finds
    them forbidden.
    """
    sizes = [_size(hyperparameter) for hyperparameter in space.values()]
    if not space.conditions and not space.forbidden_clauses:
        product = math.prod(sizes)
        return int(product) if product <= most else None
    if max(sizes) > most:
        return None
    found = [np.full(len(space), np.nan)]
    for index, (name, hyperparameter) in enumerate(space.items()):  # parents come before their children
        levels = [float(hyperparameter.to_vector(value)) for value in _domain(hyperparameter)]
        extended: list[np.ndarray] = []
        for vector in found:
            active = all(condition.satisfied_by_vector(vector) for condition in space.parent_conditions_of[name])
            extended += [_with(vector, index, level) for level in levels] if active else [vector]
            if len(extended) > most:
                return None
        found = [
            vector
            for vector in extended
            if not any(clause.is_forbidden_vector(vector) for clause in space.forbidden_clauses)
        ]
    return len(found)


def _size(hyperparameter: hp.Hyperparameter[Any, Any]) -> float:
    """How many values it has."""
    return math.inf if isinstance(hyperparameter, hp.FloatHyperparameter) else len(_domain(hyperparameter))


def _domain(hyperparameter: hp.Hyperparameter[Any, Any]) -> Sequence[Any]:
    """All values of a hyperparameter that is not a float."""
    match hyperparameter:
        case hp.IntegerHyperparameter():
            return range(int(hyperparameter.lower), int(hyperparameter.upper) + 1)
        case hp.CategoricalHyperparameter():
            return hyperparameter.choices
        case hp.OrdinalHyperparameter():
            return hyperparameter.sequence
        case hp.Constant():
            return (hyperparameter.value,)
        case _:
            raise _not_supported(hyperparameter)


def _with(vector: np.ndarray, index: int, level: float) -> np.ndarray:
    changed = vector.copy()
    changed[index] = level
    return changed


def decode(space: ConfigurationSpace, vectors: np.ndarray) -> list[dict[str, Value]]:
    """The active hyperparameters of encoded configurations, as plain Python values.

    Parameters
    ----------
    space:
        The search space.
    vectors:
        Shape (n, d), one row per configuration in ConfigSpace's encoding; NaN marks inactive hyperparameters.
    """
    active = ~np.isnan(vectors)
    columns = [
        _decode_column(hyperparameter, vectors[:, index], active[:, index])
        for index, hyperparameter in enumerate(space.values())
    ]
    names = list(space)
    rows = zip(*columns, strict=True)
    if active.all():
        return [dict(zip(names, row, strict=True)) for row in rows]
    return [
        {name: value for name, value, on in zip(names, row, flags, strict=True) if on}
        for row, flags in zip(rows, active, strict=True)
    ]


def probes(space: ConfigurationSpace, count: int) -> list[dict[str, Value]]:
    """`count` fixed configurations: the default one and seeded samples."""
    space = deepcopy(space)
    space.seed(0)
    default = space.get_default_configuration()
    sampled = [space.sample_configuration() for _ in range(count - 1)]
    return decode(space, np.stack([configuration.get_array() for configuration in (default, *sampled)]))


def _decode_column(hyperparameter: hp.Hyperparameter[Any, Any], vector: np.ndarray, active: np.ndarray) -> list[Value]:
    filled = (
        vector if active.all() else np.where(active, vector, hyperparameter.to_vector(hyperparameter.default_value))
    )
    values = hyperparameter.to_value(filled)
    if isinstance(hyperparameter, hp.FloatHyperparameter):
        values = np.round(values, hp.hp_components.ROUND_PLACES)  # as `dict(Configuration)` does
    return [plain(value) for value in values.tolist()]


def _value_checker(hyperparameter: hp.Hyperparameter[Any, Any]) -> Callable[[Any], Value]:
    """A function that returns a legal value as plain Python and raises `InvalidConfiguration` otherwise."""
    name = hyperparameter.name
    match hyperparameter:
        case hp.FloatHyperparameter():
            lower, upper = float(hyperparameter.lower), float(hyperparameter.upper)
            slack = 0.0 if hyperparameter.log else _BOUND_SLACK * (upper - lower)

            def check_float(value: Any) -> float:
                try:
                    number = float(value)
                except (TypeError, ValueError, OverflowError):
                    raise _illegal(name, value, f"a number in [{lower}, {upper}]") from None
                if lower <= number <= upper:
                    return number
                clipped = min(max(number, lower), upper)
                if math.isclose(number, clipped, rel_tol=_BOUND_SLACK, abs_tol=slack):
                    return clipped
                raise _illegal(name, value, f"a number in [{lower}, {upper}]")

            return check_float
        case hp.IntegerHyperparameter():
            first, last = int(hyperparameter.lower), int(hyperparameter.upper)

            def check_integer(value: Any) -> int:
                try:
                    number = int(value)
                except (TypeError, ValueError, OverflowError):
                    raise _illegal(name, value, f"an integer in [{first}, {last}]") from None
                if number != value or not first <= number <= last:
                    raise _illegal(name, value, f"an integer in [{first}, {last}]")
                return number

            return check_integer
        case hp.CategoricalHyperparameter() | hp.OrdinalHyperparameter() | hp.Constant():
            domain = {value: plain(value) for value in _domain(hyperparameter)}

            def check_choice(value: Any) -> Value:
                try:
                    return domain[value]
                except (KeyError, TypeError):
                    raise _illegal(name, value, f"one of {list(domain.values())}") from None

            return check_choice
        case _:
            raise _not_supported(hyperparameter)


def _not_supported(hyperparameter: hp.Hyperparameter[Any, Any]) -> TypeError:
    kind = type(hyperparameter).__name__
    return TypeError(f"hyperparameter {hyperparameter.name!r}: the kind {kind} is not supported")


def _is_storable(value: object) -> bool:
    """Whether JSON has the value, and a dictionary can look it up."""
    if isinstance(value, tuple):
        return all(map(_is_storable, value))
    return value is None or isinstance(plain(value), str | int | float)


def _shortened(value: object) -> str:
    text = " ".join(repr(value).split())
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


def _illegal(name: str, value: Any, domain: str) -> InvalidConfiguration:
    return InvalidConfiguration(f"hyperparameter {name!r} is {value!r}, not {domain}")


def _no_value(name: str) -> InvalidConfiguration:
    return InvalidConfiguration(f"no value for the active hyperparameter {name!r}")


def _unknown_names(config: Mapping[str, Any], known: Mapping[str, Any]) -> InvalidConfiguration:
    return InvalidConfiguration(f"not in the search space: {', '.join(sorted(map(str, config.keys() - known.keys())))}")
