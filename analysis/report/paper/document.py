"""A document in LaTeX that holds all tables for readers and the paragraph on methods: to compile, and to copy from."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from optathlon.analysis.report.paper.methods import analysed_with, methods, versions_of
from optathlon.analysis.report.paper.references import bibtex, cited
from optathlon.analysis.report.section import ReportData
from optathlon.analysis.tables.latex_text import latex

METHODS, REFERENCES, DOCUMENT = "methods.tex", "references.bib", "paper.tex"

_HEAD = r"""% pdflatex paper; bibtex paper; pdflatex paper; pdflatex paper
\documentclass[a4paper]{article}
\usepackage{booktabs,dcolumn,longtable}
\emergencystretch=3em
\begin{document}
\section{Methods}
\input{methods}
\section{Tables}
"""

_FLOAT = r"""
\begin{table}
\centering
\caption{%(caption)s}
\label{tab:%(label)s}
\input{%(name)s}
\end{table}
"""

_LONG = r"""
\clearpage
\makeatletter\begingroup\def\@captype{table}
\caption{%(caption)s}
\label{tab:%(label)s}
\endgroup\makeatother
\input{%(name)s}
"""

_FOOT = r"""
\bibliographystyle{plain}
\bibliography{references}
\end{document}
"""


def write_document(data: ReportData, tables: Iterable[str], folder: Path) -> None:
    """Write `methods.tex`, `references.bib` with what it cites, and `paper.tex`, which has these and the tables.

    Parameters
    ----------
    data:
        What the report is made from.
    tables:
        Names of tables whose `NAME.tex` is in the folder; `latex_table` has put the caption on its second line.
    folder:
        Where the files are.
    """
    text = methods(data)
    versions = analysed_with() | versions_of(data.analysis.results.runs)
    (folder / METHODS).write_text(text, encoding="utf-8")
    (folder / REFERENCES).write_text(bibtex(cited(text), versions), encoding="utf-8")
    parts = [_included(name, (folder / f"{name}.tex").read_text(encoding="utf-8")) for name in tables]
    (folder / DOCUMENT).write_text("".join([_HEAD, *parts, _FOOT]), encoding="utf-8")


def _included(name: str, table: str) -> str:
    caption = next((line.removeprefix("% ") for line in table.splitlines()[1:2] if line.startswith("% ")), latex(name))
    form = _LONG if r"\begin{longtable}" in table else _FLOAT
    return form % {"caption": caption, "label": name, "name": name}
