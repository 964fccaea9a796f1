"""The test problems of pymoo, of one, several and many objectives.

Source: Blank, Deb (2020), "pymoo: Multi-Objective Optimization in Python".
"""
