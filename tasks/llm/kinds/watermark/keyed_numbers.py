"""The keyed numbers that watermarks put in the place of random ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

_BITS = 53
_FACTORS = (0xBF58476D1CE4E5B9, 0x94D049BB133111EB)
_INCREMENT = 0x9E3779B97F4A7C15


def keyed_uniforms(key: int, context: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
    """Numbers that look uniform in (0, 1), and are the same for the same key, context and token on every device.

    The finaliser of SplitMix64 (Steele, Lea and Flood 2014, "Fast splittable pseudorandom number generators", section
    4) is chained over the context and the token.

    Parameters
    ----------
    key:
        0 <= key < 2**63.
    context:
        Token numbers of shape (rows, width).
    tokens:
        Token numbers of shape (rows or 1, columns).

    Returns
    -------
    Shape (rows, columns).
    """
    import torch

    state = torch.full_like(context[:, :1], key)
    for place in range(context.shape[1]):
        state = _mixed(state ^ _mixed(context[:, place : place + 1]))
    bits = _shifted(_mixed(state ^ _mixed(tokens)), 64 - _BITS)
    return (bits.double() + 0.5) * 2.0**-_BITS


def _mixed(numbers: torch.Tensor) -> torch.Tensor:
    numbers = numbers + _signed(_INCREMENT)
    for shift, factor in zip((30, 27), _FACTORS, strict=True):
        numbers = (numbers ^ _shifted(numbers, shift)) * _signed(factor)
    return numbers ^ _shifted(numbers, 31)


def _shifted(numbers: torch.Tensor, places: int) -> torch.Tensor:
    """To the right, with zeros from the left: torch's shift of signed integers repeats the sign."""
    return (numbers >> places) & ((1 << (64 - places)) - 1)


def _signed(number: int) -> int:
    """The signed integer with the same 64 bits."""
    return number - (1 << 64) if number >> 63 else number
