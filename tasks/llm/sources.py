"""Where examples come from: files and data sets, parts of them, and how often each of their examples is trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from optathlon.errors import UsageError
from optathlon.lazy import lazy_module
from optathlon.llm.data import read_examples
from optathlon.llm.examples import Example
from optathlon.plain_numbers import Real, Whole

if TYPE_CHECKING:
    import numpy as np
else:
    np = lazy_module("numpy")

Place = Annotated[Whole, Field(ge=0)]


def _not_empty(rows: tuple[int, int] | None) -> tuple[int, int] | None:
    if rows is not None and rows[0] >= rows[1]:
        raise ValueError(f"[first, end] with first < end, not {[*rows]}")
    return rows


class Source(BaseModel):
    """A file or a data set.

    Attributes
    ----------
    file:
        A `.jsonl`, `.json` or `.parquet` file, or `OWNER/NAME:SPLIT` on the Hugging Face hub.
    rows:
        `[first, end]`: only the rows from `first`, counted from 0, to before `end`; by default all.
    weight:
        How often each example is trained on in an epoch. Of 2.3, it stands there twice, and three tenths of the
        examples, drawn without replacement, a third time; 0.5 leaves half of them out.
    seed:
        Of that drawing, which is the same in all trials.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: str
    rows: Annotated[tuple[Place, Place] | None, AfterValidator(_not_empty)] = None
    weight: Annotated[Real, Field(gt=0.0, le=1000.0)] = 1.0
    seed: Place = 0

    def read(self, folder: Path, *, downloads: bool = False) -> list[Example]:
        """Its examples, each once; parameters and errors as in `read_examples`."""
        examples = read_examples(self.file, folder, downloads=downloads)
        if self.rows is None:
            return examples
        first, end = self.rows
        if end > len(examples):
            raise UsageError(f"{self.file} has {len(examples):,} rows, and not those to {end:,}: change `rows`")
        return examples[first:end]

    def weighed(self, examples: Sequence[Example]) -> list[Example]:
        """The examples as often as its weight says: round(weight · n) of n, in their order, copies apart."""
        copies, drawn = divmod(round(self.weight * len(examples)), len(examples))
        chosen = np.random.default_rng(self.seed).permutation(len(examples))[:drawn]
        return [*examples] * copies + [examples[place] for place in sorted(chosen.tolist())]


def _as_sources(given: Any) -> Any:
    """A name alone is a source, and one source alone is a list of one."""
    listed = given if isinstance(given, list | tuple) else [given]
    return tuple({"file": one} if isinstance(one, str) else one for one in listed)


Sources = Annotated[tuple[Source, ...], BeforeValidator(_as_sources), Field(min_length=1)]


def read_sources(sources: Sequence[Source], folder: Path, *, downloads: bool = False) -> tuple[Example, ...]:
    """The examples of all sources by their weights; of several, ids begin with the source. Raises as `Source.read`."""
    found: list[Example] = []
    for source in sources:
        examples = source.read(folder, downloads=downloads)
        if len(sources) > 1:
            examples = [_with_id(example, f"{source.file}:{example.prompt.id}") for example in examples]
        found += source.weighed(examples)
    if not found:
        raise UsageError(f"the weights of {', '.join(source.file for source in sources)} leave no example: raise them")
    return tuple(found)


def _with_id(example: Example, id: str) -> Example:
    return replace(example, prompt=replace(example.prompt, id=id))
