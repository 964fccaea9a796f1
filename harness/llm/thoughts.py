"""Answers of models that think aloud before they answer: `<think>…</think>`."""

from __future__ import annotations

_BEGIN, _END = "<think>", "</think>"


def without_thoughts(text: str) -> str:
    """What is said after the last thought; before it, where the thought has no end.

    A chat template may begin the thought itself, so that the text has its end alone.
    """
    if _END in text:
        return text.rpartition(_END)[2].strip()
    said, begun, _ = text.partition(_BEGIN)
    return said.strip() if begun else text
