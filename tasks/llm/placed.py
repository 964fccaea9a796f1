"""Models on a device, and whose weights they hold."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from optathlon.llm.models import checksum

if TYPE_CHECKING:
    import torch

    Weights = Mapping[str, torch.Tensor]


class Placed:
    """A model on a device, and whose weights it holds; `held` is `None` where they have been changed."""

    def __init__(self, model: Any, held: Weights) -> None:
        self.model = model
        self.held: Weights | None = held

    def hold(self, weights: Weights) -> None:
        """Take these weights, without gradients."""
        import torch

        if self.held is weights:
            return
        self.held = None
        with torch.no_grad():
            for name, tensor in stored(self.model).items():
                tensor.copy_(weights[name], non_blocking=True)
        self.model.zero_grad(set_to_none=True)
        self.model.requires_grad_(False)
        self.held = weights

    def checksum(self) -> str:
        """Of all weights."""
        return checksum(self.model)


def stored(model: Any) -> dict[str, torch.Tensor]:
    """The tensors that make a model, by name; those that are tied are there once."""
    tensors: dict[int, tuple[str, torch.Tensor]] = {}
    for name, tensor in model.state_dict().items():
        tensors.setdefault(tensor.data_ptr(), (name, tensor))
    return dict(tensors.values())


def copied(model: Any, device: str, dtype: str) -> Any:
    """A copy elsewhere, whose weights have another type; what it computes positions with stays as it is."""
    import torch

    kind = getattr(torch, dtype)
    weights = {
        id(weight): torch.nn.Parameter(weight.detach().to(device, kind, copy=True), requires_grad=False)
        for weight in model.parameters()
    }
    return copy.deepcopy(model, weights).to(device)


class Quantised(Placed):
    """A model whose linear layers have 4 bits a weight (`nf4` of bitsandbytes), all but the head."""

    def __init__(self, host: Any, device: str) -> None:
        self._host = host
        self._device = device
        super().__init__(None, {})

    def hold(self, weights: Weights) -> None:
        """Quantise these weights, as what has been rounded can't be taken back."""
        if self.held is weights:
            return
        self.model = None
        half = copied(self._host, "cpu", "bfloat16")
        for name, tensor in stored(half).items():
            tensor.copy_(weights[name])
        self.model = _quantised(half, self._device)
        self.held = weights

    def checksum(self) -> str:
        """Of the weights without their scales, which bitsandbytes converts when they are first used."""
        import torch

        return checksum(torch.nn.ParameterList(self.model.parameters()))


def _quantised(model: Any, device: str) -> Any:
    import bitsandbytes
    import torch

    head = model.get_output_embeddings()
    for name, module in [*model.named_modules()]:
        if isinstance(module, torch.nn.Linear) and module is not head:
            parent, _, own = name.rpartition(".")
            linear = bitsandbytes.nn.Linear4bit(
                module.in_features,
                module.out_features,
                bias=module.bias is not None,
                compute_dtype=torch.bfloat16,
                quant_type="nf4",
            )
            linear.weight = bitsandbytes.nn.Params4bit(module.weight.data, requires_grad=False, quant_type="nf4")
            linear.bias = module.bias
            setattr(model.get_submodule(parent), own, linear)
    model.is_loaded_in_4bit = True
    return model.to(device)
