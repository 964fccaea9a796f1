"""A small language of conditions: `"conditions, not asynchronous"`, `'dims <= 10 and kind == "training"'`.

Names of what is known, comparisons, `in`, `and`, `or`, `not`, brackets, and the comma as a weak `and`. Python's parser
reads it; nothing of it is executed. A name alone holds where it is yes, more than 0, or not empty. Case does not count,
and in names neither does what joins their words: `multi-fidelity`, `multi_fidelity`. Texts are equal where they differ
in case only, and `"image" in description` looks for a part. One of a few choices, such as a kind of task, needs no
quotes. What is not known, as seconds that nobody measured, is neither more nor less than anything.
"""

from __future__ import annotations

import ast
import operator
import re
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from optathlon.errors import UsageError, nearest

Known = bool | float | str | None
Subject = Mapping[str, Known]
"""What is known of something, by name."""
Condition = Callable[[Subject], bool]

_LONGEST = 2000
"""Characters of a condition."""

_QUOTED = re.compile(r"""("[^"]*"|'[^']*')""")
_ORDERS: Mapping[type[ast.cmpop], Callable[[float, float], bool]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_CONSTANTS: Mapping[str, Known] = {"true": True, "false": False, "none": None}
_KINDS = {bool: "yes or no", float: "a number", str: "a text", type(None): "nothing"}


@dataclass(frozen=True)
class Vocabulary:
    """What can be asked for.

    Parameters
    ----------
    noun:
        What a name stands for: `"capability"`.
    example:
        A condition, for messages.
    kinds:
        By name, whether it is `bool`, `float` or `str`.
    choices:
        Of texts that are one of a few, those, by name.
    """

    noun: str
    example: str
    kinds: Mapping[str, type]
    choices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def parse_condition(text: str, vocabulary: Vocabulary) -> Condition:
    """A function from what is known of something to whether the condition holds.

    Raises `UsageError`, in one line, for what can't be read, for names that are not known (with the nearest), and where
    things of different kinds are compared.
    """
    if not text.strip():
        raise UsageError(f"--where needs a condition: give one such as {vocabulary.example}")
    if len(text) > _LONGEST:
        raise UsageError(f"--where has {len(text):,} characters: give a condition of at most {_LONGEST:,}")
    return _Reader(text.strip(), vocabulary).condition()


@dataclass(frozen=True)
class _Part:
    """What a name or a literal gives: its kind, how to find it, and its text for messages."""

    kind: type
    value: Callable[[Subject], Known]
    text: str

    @classmethod
    def constant(cls, value: Known, text: str) -> _Part:
        kind = float if isinstance(value, int | float) and not isinstance(value, bool) else type(value)
        return cls(kind, lambda _: value, text)


class _Reader:
    """Turns a condition's syntax tree into functions, and refuses all else."""

    def __init__(self, text: str, vocabulary: Vocabulary) -> None:
        self._text = text
        self._vocabulary = vocabulary
        texts = (*vocabulary.kinds, *(one for some in vocabulary.choices.values() for one in some))
        self._spelled = {_word(text): text for text in texts}

    def condition(self) -> Condition:
        pieces = _QUOTED.split(self._text)
        plain = "".join(piece if number % 2 else self._as_python(piece) for number, piece in enumerate(pieces))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                tree = ast.parse(plain, mode="eval").body
        except (SyntaxError, ValueError):
            raise self._refusal(self._text) from None
        return _together(all, map(self._holds, tree.elts if isinstance(tree, ast.Tuple) else [tree]))

    def _as_python(self, text: str) -> str:
        """Names and choices of several words as one word of Python, in small letters."""
        text = text.lower()
        for word in sorted(self._spelled, key=len, reverse=True):
            if "_" in word:
                text = re.sub(rf"\b{word.replace('_', '[-_ ]+')}\b", word, text)
        return text

    def _holds(self, node: ast.expr) -> Condition:
        match node:
            case ast.BoolOp(ast.And(), values):
                return _together(all, map(self._holds, values))
            case ast.BoolOp(ast.Or(), values):
                return _together(any, map(self._holds, values))
            case ast.UnaryOp(ast.Not(), operand):
                return _unless(self._holds(operand))
            case ast.Compare(left, signs, others):  # `a < b <= c` is `a < b and b <= c`
                pairs = zip(signs, [left, *others], others, strict=False)
                return _together(all, [self._compared(sign, one, other) for sign, one, other in pairs])
            case ast.Constant():
                raise self._refusal(ast.unparse(node))
        value = self._part(node).value
        return lambda subject: _is_more_than_nothing(value(subject))

    def _compared(self, sign: ast.cmpop, left: ast.expr, right: ast.expr) -> Condition:
        match sign:
            case ast.Eq():
                return self._equal(left, right)
            case ast.NotEq():
                return _unless(self._equal(left, right))
            case ast.In():
                return self._contained(left, right)
            case ast.NotIn():
                return _unless(self._contained(left, right))
            case ast.Lt() | ast.LtE() | ast.Gt() | ast.GtE():
                return self._ordered(_ORDERS[type(sign)], left, right)
        raise self._refusal(self._text)

    def _equal(self, left: ast.expr, right: ast.expr) -> Condition:
        choices = self._choices(left) or self._choices(right)
        first, second = self._part(left, choices), self._part(right, choices)
        if len({first.kind, second.kind} - {type(None)}) > 1:
            raise UsageError(
                f"in --where, {first.text} is {_KINDS[first.kind]} and {second.text} is {_KINDS[second.kind]}: "
                "compare things of one kind"
            )
        return lambda subject: _folded(first.value(subject)) == _folded(second.value(subject))

    def _contained(self, left: ast.expr, right: ast.expr) -> Condition:
        if isinstance(right, ast.Tuple | ast.List | ast.Set):
            return _together(any, [self._equal(left, one) for one in right.elts])
        part, whole = self._part(left), self._part(right)
        if {part.kind, whole.kind} != {str}:
            raise UsageError("in --where, 'in' looks for a text in a text, or for a value in a list such as (2, 3)")
        return lambda subject: str(part.value(subject)).casefold() in str(whole.value(subject)).casefold()

    def _ordered(self, order: Callable[[float, float], bool], left: ast.expr, right: ast.expr) -> Condition:
        first, second = self._part(left), self._part(right)
        for part in (first, second):
            if part.kind is not float:
                raise UsageError(
                    f"in --where, {part.text} is {_KINDS[part.kind]}: only numbers are more or less than others"
                )

        def holds(subject: Subject) -> bool:
            one, other = first.value(subject), second.value(subject)
            return isinstance(one, int | float) and isinstance(other, int | float) and order(one, other)

        return holds

    def _part(self, node: ast.expr, choices: tuple[str, ...] = ()) -> _Part:
        """A name or a literal; in place of a name one of `choices`, if there are some."""
        text = ast.unparse(node)
        match node:
            case ast.Constant(str() as given):
                return _Part.constant(_chosen(given, choices), text)
            case ast.Constant(int() | float() as number) | ast.UnaryOp(
                ast.USub(), ast.Constant(int() | float() as number)
            ):
                return _Part.constant(number if isinstance(node, ast.Constant) else -number, text)
            case ast.Name(word):
                return self._named(word, choices)
            case ast.BinOp(_, ast.Sub(), _) if all(map(_is_part_of_a_name, ast.walk(node))):
                return self._named(text.replace(" - ", "-"), choices)
        raise self._refusal(text)

    def _named(self, word: str, choices: tuple[str, ...]) -> _Part:
        name = self._spelled.get(word, word)
        if name in self._vocabulary.kinds:
            return _Part(self._vocabulary.kinds[name], operator.itemgetter(name), name)
        if word in _CONSTANTS:
            return _Part.constant(_CONSTANTS[word], word)
        if choices:
            return _Part.constant(_chosen(name, choices), name)
        raise _unknown(self._vocabulary.noun, name, self._vocabulary.kinds)

    def _choices(self, node: ast.expr) -> tuple[str, ...]:
        """What the name there may be."""
        name = self._spelled.get(node.id, "") if isinstance(node, ast.Name) else ""
        return self._vocabulary.choices.get(name, ())

    def _refusal(self, text: str) -> UsageError:
        return UsageError(f"can't read {text!r} in --where: give a condition such as {self._vocabulary.example}")


def _together(combine: Callable[[Iterable[bool]], bool], conditions: Iterable[Condition]) -> Condition:
    every = list(conditions)
    return lambda subject: combine(holds(subject) for holds in every)


def _unless(holds: Condition) -> Condition:
    return lambda subject: not holds(subject)


def _is_more_than_nothing(value: Known) -> bool:
    return value > 0 if isinstance(value, int | float) else bool(value)


def _folded(value: Known) -> Known:
    return value.casefold() if isinstance(value, str) else value


def _chosen(text: str, choices: tuple[str, ...]) -> str:
    """The choice that a text means; the text itself where there are none to choose from."""
    if not choices:
        return text
    found = {_word(one): one for one in choices}
    if _word(text) not in found:
        raise _unknown("choice", text, choices)
    return found[_word(text)]


def _is_part_of_a_name(node: ast.AST) -> bool:
    return isinstance(node, ast.Name | ast.BinOp | ast.Sub | ast.Load)


def _word(text: str) -> str:
    """A name as a word of Python: `multi_fidelity`."""
    return re.sub("[- ]", "_", text.lower())


def _unknown(noun: str, name: str, known: Iterable[str]) -> UsageError:
    hint = nearest(name.lower(), known) or f"known: {', '.join(sorted(known))}"
    return UsageError(f"unknown {noun} {name!r} in --where: {hint}")
