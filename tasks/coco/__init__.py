"""The suites of COCO, evaluated by coco-experiment; each is a collection of its own.

Source: N. Hansen et al.: "COCO: A Platform for Comparing Continuous Optimizers in a Black-Box Setting", Optimization
Methods and Software 36(1), 2021.
"""
