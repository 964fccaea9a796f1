"""Google Vizier (Song et al. 2024), in an environment of its own: it needs JAX before version 0.5."""

from optathlon.optimizers.vizier.adapter import VizierEagle, VizierGP

__all__ = ["VizierEagle", "VizierGP"]
