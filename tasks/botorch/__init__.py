"""The test functions of BoTorch.

Source: Balandat et al. (2020), "BoTorch: A Framework for Efficient Monte-Carlo Bayesian Optimization".
"""
