"""Build the documentation as a site: `make docs`, or `python docs/site/build.py`; then open build/docs/site/index.html.

The pages are the repository's own Markdown files, at the places that they have there, so that their links hold. Four
things are added: notebooks as pages; the reports of the gallery, which the commands of docs/gallery.md make; the
reference of the Python names, from their docstrings; and the order of the pages, which docs/index.md gives. Zensical
makes HTML of them. A warning, such as a link or an anchor that leads nowhere, ends the build. Nothing is fetched from
the network.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import notebooks
import yaml
from gallery import add_reports
from python_names import MODULES, page_of

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).parent
INDEX = "docs/index.md"
COPIED = ("*.md", "LICENSE", "CITATION.cff", "configs/*.yaml", "docs/*.md")
FOLDERS = ("examples", "figures", "notebooks", "schemas")
"""What of the repository the pages consist of and link to."""


def main() -> int:
    """Build; 1 where there was a warning."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "docs", help="the folder to build in")
    parser.add_argument("--without-gallery", action="store_true", help="don't run the commands of the gallery")
    arguments = parser.parse_args()
    out: Path = arguments.out.resolve()
    pages = out / "pages"
    shutil.rmtree(pages, ignore_errors=True)
    copy_pages(pages)
    for module in MODULES:
        page = pages / python_page(module)
        page.parent.mkdir(exist_ok=True)
        page.write_text(page_of(module), "utf-8")
    notebooks.add_pages(pages / "docs" / "notebooks")
    if not arguments.without_gallery:
        add_reports(pages / "docs" / "gallery.md", out / "gallery")
    (out / "mkdocs.yml").write_text(yaml.safe_dump(settings(pages), sort_keys=False), "utf-8")
    subprocess.run([sys.executable, ROOT / ".typing" / "link.py"], check=True)
    return html(out)


def html(out: Path) -> int:
    """Have Zensical make HTML; 1 where it, or the reader of docstrings, has warned."""
    zensical = [sys.executable, "-m", "zensical", "build", "--strict", "--clean"]
    done = subprocess.run(zensical, cwd=out, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    print(done.stdout)
    return int(done.returncode != 0 or "griffe: " in done.stdout)


def copy_pages(pages: Path) -> None:
    """Put what the pages consist of into the folder `pages`."""
    for pattern in (*COPIED, *(f"docs/{folder}/*" for folder in FOLDERS)):
        for file in ROOT.glob(pattern):
            if file.is_file():
                target = pages / file.relative_to(ROOT)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, target)
    (pages / "assets").mkdir()
    for name in ("iframe-worker.js", "site.css"):
        shutil.copyfile(HERE / name, pages / "assets" / name)


def settings(pages: Path) -> dict[str, Any]:
    """`mkdocs.yml`, with the pages in order, and the place of the source code."""
    text = (HERE / "mkdocs.yml").read_text("utf-8")
    found: dict[str, Any] = yaml.safe_load(text.replace("{root}", str(ROOT)))
    return found | {"nav": navigation((pages / INDEX).read_text("utf-8"))}


def navigation(index: str) -> list[dict[str, Any]]:
    """The sections of the index, with the pages that each links to, in order; then the reference of Python names."""
    sections = re.split(r"^## +", index, flags=re.MULTILINE)
    listed = [
        (title, pages)
        for title, _, text in (part.partition("\n") for part in sections[1:])
        if (pages := list(linked(text)))
    ]
    return [
        {"Start": "README.md"},
        {"All pages": INDEX},
        *({title: pages} for title, pages in listed),
        {"Python names": [{module: python_page(module)} for module in MODULES]},
    ]


def linked(text: str) -> Iterator[str]:
    """The pages that a section of the index links to, each once, as paths from the root of the repository."""
    targets = re.findall(r"\]\(([^)#:]+\.)(?:md|ipynb)(?:#[^)]*)?\)", text)
    for target in dict.fromkeys(f"{stem}md" for stem in targets):
        yield (ROOT / "docs" / target).resolve().relative_to(ROOT).as_posix()


def python_page(module: str) -> str:
    """The path of the page on a module."""
    return f"python/{module}.md"


if __name__ == "__main__":
    sys.exit(main())
