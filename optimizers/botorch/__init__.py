"""BoTorch (Balandat et al. 2020), driven as its tutorials drive it: Bayesian optimization with Gaussian processes."""
