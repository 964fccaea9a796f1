"""Problems of IOHexperimenter other than BBOB's; each family is a collection of its own.

Source: J. de Nobel, F. Ye, D. Vermetten, H. Wang, C. Doerr, T. Bäck: "IOHexperimenter: Benchmarking Platform for
Iterative Optimization Heuristics", Evolutionary Computation 32(3), 2024.
"""
