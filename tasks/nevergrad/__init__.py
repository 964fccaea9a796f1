"""The functions of Nevergrad.

Source: Rapin, Teytaud (2018), "Nevergrad - A Gradient-Free Optimization Platform".
"""
