"""What a function, or a class that is in no file, is made of: text that changes when what it gives may."""

from __future__ import annotations

import ast
import inspect
import linecache
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

from optathlon.source import Sources, sources_for

_SHARED_FILENAMES = ("<string>", "<stdin>")
"""What all code given as text or typed has for a file: from 3.13 on, Python would show the lines of another one."""

_PLAIN = (bool, int, float, complex, str, bytes, type(None))


def source_text(function: Callable[..., Any]) -> str:
    """The function's own source; its code where it has no file, and its type where it is another object."""
    code = getattr(function, "__code__", None)
    if code is not None and code.co_filename in _SHARED_FILENAMES:
        return _code_text(code)
    try:
        return inspect.getsource(function)
    except (OSError, TypeError):  # no source file, or a callable object
        return _code_text(code) if code else type(function).__qualname__


def source_folder(function: Callable[..., Any]) -> Path:
    """The folder of the function's file; the current one where it has none."""
    module = sys.modules.get(getattr(_definition(function), "__module__", ""))
    file = getattr(module, "__file__", None)
    return Path(file).parent if file else Path()


def dependencies(function: Callable[..., Any]) -> dict[str, str]:
    """What the values of a function can depend on, beside its arguments, by the name of the module.

    They are the statements of its module that it reaches, and the modules that these import and nobody installed; the
    plain values that it was bound to; and, where it has no file, the code and plain values of the names that it uses.
    """
    definition = _definition(function)
    module = sys.modules.get(getattr(definition, "__module__", ""), ModuleType("none"))
    name = str(getattr(definition, "__qualname__", "")).partition(".")[0]
    texts = {key: text.decode(errors="replace") for key, text in sources_for(module, name).texts.items()}
    reached = {} if texts else dict(_reached(definition, set()))
    return texts | reached | {"bound": repr(sorted(_bound(function)))}


def sources_without_file(cls: type) -> Sources:
    """The text of a class that was typed, as in a cell of a notebook, and of what it names that was typed there.

    That are other classes and functions, plain values, and the modules that are imported there, by their names.
    """
    found: dict[str, str] = {}
    others: set[str] = set()
    for base in cls.__mro__:
        if base.__module__ == cls.__module__:
            found[base.__qualname__] = _class_text(base)
            for function in _functions(base):
                found.update(_reached(function, {base.__name__}))
                names = {name for code in _codes(function.__code__) for name in code.co_names}
                values = (function.__globals__.get(name) for name in names)
                others |= {_holder(value) for value in values} - {"", "builtins", cls.__module__}
    return Sources({name: text.encode(errors="replace") for name, text in found.items()}, others)


def _holder(value: object) -> str:
    """The top-level module that a value is, or comes from."""
    name = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", None)
    return str(name or "").partition(".")[0]


def _functions(cls: type) -> Iterator[FunctionType]:
    for value in vars(cls).values():
        inner = getattr(value, "__func__", None) or getattr(value, "fget", None) or getattr(value, "func", value)
        if isinstance(inner, FunctionType) and inner.__module__ == cls.__module__:
            yield inner


def _class_text(cls: type) -> str:
    """The statement that defines the class, where the lines of its cell are known; else its code and plain values."""
    for function in _functions(cls):
        code = function.__code__
        lines = [] if code.co_filename in _SHARED_FILENAMES else linecache.getlines(code.co_filename)
        for node in ast.walk(ast.parse("".join(lines))):
            if isinstance(node, ast.ClassDef) and _holds(node, cls.__name__, code.co_firstlineno):
                return "".join(lines[node.lineno - 1 : node.end_lineno])
    return repr(sorted([*((one.__name__, _code_text(one.__code__)) for one in _functions(cls)), *_plain(vars(cls))]))


def _holds(node: ast.ClassDef, name: str, line: int) -> bool:
    return node.name == name and node.lineno <= line <= (node.end_lineno or 0)


def _definition(function: Callable[..., Any]) -> Any:
    """The function or class that a callable was made from."""
    match function:
        case partial():
            return _definition(function.func)
        case MethodType():
            return _definition(function.__func__)
        case FunctionType() | type():
            return inspect.unwrap(function)
        case _:
            return function if inspect.isbuiltin(function) else type(function)


def _bound(function: Callable[..., Any]) -> Iterator[tuple[str, str]]:
    """Plain values that are part of a callable and not of its source."""
    match function:
        case partial():
            yield from _bound(function.func)
            yield from _plain({str(place): value for place, value in enumerate(function.args)} | function.keywords)
        case MethodType():
            yield from _plain(getattr(function.__self__, "__dict__", {}))
        case FunctionType():
            cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
            yield from _plain({name: cell.cell_contents for name, cell in cells if _is_filled(cell)})
        case _:
            yield from _plain(getattr(function, "__dict__", {}))


def _plain(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in values.items():
        if _is_plain(value):
            yield name, repr(value)


def _is_plain(value: object) -> bool:
    match value:
        case list() | tuple():
            return all(map(_is_plain, value))
        case dict():
            return all(map(_is_plain, value)) and all(map(_is_plain, value.values()))
        case _:
            return isinstance(value, _PLAIN)


def _is_filled(cell: Any) -> bool:
    try:
        return cell.cell_contents is not None
    except ValueError:
        return False


def _reached(function: Any, seen: set[str]) -> Iterator[tuple[str, str]]:
    """The code and plain values of the global names that a function without a file uses, and these in turn."""
    for code in _codes(getattr(function, "__code__", None)):
        for name in code.co_names:
            value = function.__globals__.get(name)
            if name in seen or name not in function.__globals__:
                continue
            seen.add(name)
            if isinstance(value, FunctionType) and value.__module__ == function.__module__:
                yield name, _code_text(value.__code__)
                yield from _reached(value, seen)
            elif isinstance(value, type) and value.__module__ == function.__module__:
                yield name, _class_text(value)
                for one in _functions(value):
                    yield from _reached(one, seen)
            elif _is_plain(value):
                yield name, repr(value)


def _code_text(code: CodeType) -> str:
    """The code, and that of the functions within it, whose `repr` would have addresses in it."""
    consts = tuple(_code_text(const) if isinstance(const, CodeType) else const for const in code.co_consts)
    return repr((code.co_code, consts, code.co_names))


def _codes(code: CodeType | None) -> Iterator[CodeType]:
    if code is not None:
        yield code
        for const in code.co_consts:
            if isinstance(const, CodeType):
                yield from _codes(const)
