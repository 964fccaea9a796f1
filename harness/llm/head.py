"""Losses of responses, for which a model's head reads what predicts their tokens and nothing else.

The logits of whole batches, prompts and padding included, would take more memory than all else: 128 × 1,024 tokens and
a vocabulary of 128,000 are 67 GB in `float32`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from optathlon.llm.batches import Batch

if TYPE_CHECKING:
    import torch

LOGITS_BYTES = 2**28
"""Logits in `float32` that are there at once; those of more are computed again in the backward pass."""

_TRIED = 4
"""Tokens: the embedding of one that pads may be nought, of which all heads make nought."""
_plain: WeakKeyDictionary[Any, bool] = WeakKeyDictionary()


def without_wrapper(model: Any) -> Any:
    """The model of transformers inside that of peft, adapters included; other models as they are."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model


def token_losses(model: Any, batch: Batch) -> torch.Tensor:
    """The cross-entropy of each of the responses' tokens, in nats; shape (n,)."""
    core = without_wrapper(model)
    if not has_plain_head(core):
        logits = model(**batch.inputs, use_cache=False).logits.flatten(0, 1)
        return _cross_entropies(logits[batch.places], batch.targets)
    hidden = core.get_decoder()(**batch.inputs, use_cache=False).last_hidden_state
    return head_losses(core, hidden, batch)


def head_losses(core: Any, hidden: torch.Tensor, batch: Batch) -> torch.Tensor:
    """As `token_losses`, from what the model's head reads: `hidden` of shape (rows, tokens, width)."""
    import torch
    from torch.utils.checkpoint import checkpoint

    head = core.get_output_embeddings()
    at_once = max(1, LOGITS_BYTES // (4 * core.config.get_text_config().vocab_size))

    def losses(read: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return _cross_entropies(head(read), targets)

    read = hidden.flatten(0, 1)[batch.places]
    if len(read) <= at_once:
        return losses(read, batch.targets)
    parts = zip(read.split(at_once), batch.targets.split(at_once), strict=True)
    return torch.cat([checkpoint(losses, *part, use_reentrant=False) for part in parts])


def has_plain_head(core: Any) -> bool:
    """Whether logits are what the head makes of the decoder's output, unlike where they are scaled or capped.

    It is found out by some tokens, when it is first asked.
    """
    if core not in _plain:
        _plain[core] = _tried(core)
    return _plain[core]


def _tried(core: Any) -> bool:
    import torch

    seen: list[Any] = []
    head, training = core.get_output_embeddings(), core.training
    if head is None:
        return False
    hook = head.register_forward_hook(lambda _, inputs, output: seen.extend((inputs[0], output)))
    tokens = torch.arange(_TRIED, device=core.device)[None]
    core.eval()
    try:
        with torch.no_grad():
            logits = core(input_ids=tokens, use_cache=False).logits
            hidden = core.get_decoder()(input_ids=tokens, use_cache=False).last_hidden_state
    finally:
        hook.remove()
        core.train(training)
    return len(seen) == 2 and torch.equal(seen[0], hidden) and torch.equal(seen[1], logits)


def _cross_entropies(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    import torch

    return torch.nn.functional.cross_entropy(logits.float(), targets, reduction="none")
