"""OpenBox (Jiang et al. 2024), in an environment of its own: it needs older versions of numpy and ConfigSpace."""

from optathlon.optimizers.openbox.adapter import OpenBoxGP, OpenBoxParEGO, OpenBoxPRF

__all__ = ["OpenBoxGP", "OpenBoxPRF", "OpenBoxParEGO"]
