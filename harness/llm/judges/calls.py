"""Writing the calls that make judges."""

from __future__ import annotations

import inspect
from collections.abc import Mapping

from optathlon.llm.judging import Judge


def call(name: str, judge: type[Judge], arguments: Mapping[str, object]) -> str:
    """The call that makes a judge of a class, e.g. `likelihood('tiny', per='answer')`.

    Parameters
    ----------
    name:
        Of its entry point.
    judge:
        Its class.
    arguments:
        All of them, by name. Keyword-only ones that are as by default are left out.
    """
    parameters = inspect.signature(judge).parameters
    written = []
    for argument, value in arguments.items():
        parameter = parameters[argument]
        if parameter.kind is not inspect.Parameter.KEYWORD_ONLY:
            written.append(repr(value))
        elif value != parameter.default:
            written.append(f"{argument}={value!r}")
    return f"{name}({', '.join(written)})"
