"""How hard does a part steer the future, and how far does it change it? Optimisation and impact, of any world."""

from maze_interp.optimisation.activations import exchanged, recorded
from maze_interp.optimisation.derived import MEASURES
from maze_interp.optimisation.differential import Differential, differential, of_products
from maze_interp.optimisation.endings import ENDINGS, endings
from maze_interp.optimisation.entropy import CORRECTIONS, binary_entropy, entropy, kl
from maze_interp.optimisation.estimator import Estimate, compared, repeated, split_history, without_blocks
from maze_interp.optimisation.futures import FUTURES, future
from maze_interp.optimisation.history import SplitHistory, against, of_acts, of_matrix
from maze_interp.optimisation.identify import (
    confidence_region,
    largest_success,
    largest_theory,
    likeliest_objective,
    nearest_theory,
    p_values,
)
from maze_interp.optimisation.intervals import student_t
from maze_interp.optimisation.policies import Environment, Policy, enact, outcome_matrix
from maze_interp.optimisation.populations import CODINGS, POPULATIONS, Population, population
from maze_interp.optimisation.pseudo import PseudoValues, pseudo_values
from maze_interp.optimisation.responses import Responses, basis, respond, sketch
from maze_interp.optimisation.reverse import Products, between, products
from maze_interp.optimisation.theory import (
    excess_imp,
    excess_op,
    imp_min,
    impact_ratio,
    least_change,
    op_theory,
    outcome_types,
    selectivity,
    unflatness,
    why_no_minimum,
)
from maze_interp.optimisation.tilting import Tilting, least_impact

__all__ = [
    "CODINGS",
    "CORRECTIONS",
    "ENDINGS",
    "FUTURES",
    "MEASURES",
    "POPULATIONS",
    "Differential",
    "Environment",
    "Estimate",
    "Policy",
    "Population",
    "Products",
    "PseudoValues",
    "Responses",
    "SplitHistory",
    "Tilting",
    "against",
    "basis",
    "between",
    "binary_entropy",
    "compared",
    "confidence_region",
    "differential",
    "enact",
    "endings",
    "entropy",
    "excess_imp",
    "excess_op",
    "exchanged",
    "future",
    "imp_min",
    "impact_ratio",
    "kl",
    "largest_success",
    "largest_theory",
    "least_change",
    "least_impact",
    "likeliest_objective",
    "nearest_theory",
    "of_acts",
    "of_matrix",
    "of_products",
    "op_theory",
    "outcome_matrix",
    "outcome_types",
    "p_values",
    "population",
    "products",
    "pseudo_values",
    "recorded",
    "repeated",
    "respond",
    "selectivity",
    "sketch",
    "split_history",
    "student_t",
    "unflatness",
    "why_no_minimum",
    "without_blocks",
]
