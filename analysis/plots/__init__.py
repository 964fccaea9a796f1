"""Figures: frame in, matplotlib `Figure` out. Global matplotlib state is never touched."""
