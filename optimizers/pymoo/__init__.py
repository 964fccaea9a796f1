"""pymoo (Blank & Deb 2020, doi:10.1109/ACCESS.2020.2990567): evolutionary algorithms for one and several objectives.

Numbers are coordinates of the unit cube, where the algorithms' own operators work. Algorithms that are made of a mating
and a selection of survivors also take pymoo's mixed variables: integers are `Integer`, unordered choices are `Choice`
(uniform crossover, random mutation), and floats and integers on a logarithmic scale are `Real`.

They propose generations: the first has `popsize` trials, a random sample, and a run that ends within it is random
search. Constraints are pymoo's inequality constraints. A failed trial counts with its imputed losses, and as violating
every constraint as much as the worst trial so far.

Not here: CMA-ES is pycma's, and Nelder-Mead and pattern search are those of other libraries.
"""

from optathlon.optimizers.pymoo.several_objectives import (
    PymooAGEMOEA,
    PymooCTAEA,
    PymooGDE3,
    PymooMOEAD,
    PymooMOPSOCD,
    PymooNSGA2,
    PymooNSGA3,
    PymooRVEA,
    PymooSMSEMOA,
    PymooSPEA2,
    PymooUNSGA3,
)
from optathlon.optimizers.pymoo.single_objective import (
    PymooBRKGA,
    PymooDE,
    PymooG3PCX,
    PymooGA,
    PymooISRES,
    PymooMixedGA,
    PymooPSO,
)

__all__ = [
    "PymooAGEMOEA",
    "PymooBRKGA",
    "PymooCTAEA",
    "PymooDE",
    "PymooG3PCX",
    "PymooGA",
    "PymooGDE3",
    "PymooISRES",
    "PymooMOEAD",
    "PymooMOPSOCD",
    "PymooMixedGA",
    "PymooNSGA2",
    "PymooNSGA3",
    "PymooPSO",
    "PymooRVEA",
    "PymooSMSEMOA",
    "PymooSPEA2",
    "PymooUNSGA3",
]
