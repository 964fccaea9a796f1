"""HPO-B's search spaces and what is known of its tasks: the facts of `meta-dataset-descriptors.json`, compactly."""

from __future__ import annotations

from collections.abc import Mapping

SPACES: Mapping[str, tuple[str, str]] = {
    "4796": (
        "decision trees (rpart, with preprocessing)",
        "minsplit minbucket cp",
    ),
    "5527": (
        "support vector machines",
        "cost gamma gamma.na degree degree.na kernel.ohe._INVALID kernel.ohe._linear kernel.ohe._polynomial",
    ),
    "5636": (
        "decision trees (rpart)",
        "minsplit minsplit.na minbucket cp maxdepth maxdepth.na",
    ),
    "5859": (
        "decision trees (rpart)",
        "minsplit minsplit.na minbucket cp maxdepth maxdepth.na",
    ),
    "5860": (
        "elastic nets (glmnet)",
        "alpha lambda",
    ),
    "5889": (
        "random forests (ranger)",
        "num.trees num.trees.na mtry sample.fraction replace.ohe._FALSE replace.ohe._INVALID",
    ),
    "5891": (
        "support vector machines",
        "cost gamma gamma.na degree degree.na kernel.ohe._INVALID kernel.ohe._linear kernel.ohe._polynomial",
    ),
    "5906": (
        "XGBoost",
        "eta max_depth max_depth.na min_child_weight min_child_weight.na subsample colsample_bytree "
        "colsample_bytree.na colsample_bylevel colsample_bylevel.na lambda alpha nrounds nrounds.na "
        "booster.ohe._INVALID booster.ohe._gblinear",
    ),
    "5965": (
        "random forests (ranger)",
        "num.trees num.trees.na mtry sample.fraction min.node.size min.node.size.na replace.ohe._FALSE "
        "replace.ohe._INVALID respect.unordered.factors.ohe._INVALID respect.unordered.factors.ohe._TRUE",
    ),
    "5970": (
        "elastic nets (glmnet)",
        "alpha lambda",
    ),
    "5971": (
        "XGBoost",
        "eta max_depth max_depth.na min_child_weight min_child_weight.na subsample colsample_bytree "
        "colsample_bytree.na colsample_bylevel colsample_bylevel.na lambda alpha nrounds nrounds.na "
        "booster.ohe._INVALID booster.ohe._gblinear",
    ),
    "6766": (
        "elastic nets (glmnet)",
        "alpha lambda",
    ),
    "6767": (
        "XGBoost",
        "eta subsample lambda alpha nthread nthread.na nrounds nrounds.na max_depth max_depth.na "
        "min_child_weight min_child_weight.na colsample_bytree colsample_bytree.na colsample_bylevel "
        "colsample_bylevel.na booster.ohe._INVALID booster.ohe._gblinear",
    ),
    "6794": (
        "random forests (ranger)",
        "num.trees num.trees.na mtry sample.fraction min.node.size min.node.size.na replace.ohe._FALSE "
        "replace.ohe._INVALID respect.unordered.factors.ohe._INVALID respect.unordered.factors.ohe._TRUE",
    ),
    "7607": (
        "random forests (ranger)",
        "num.trees num.trees.na mtry min.node.size sample.fraction "
        "respect.unordered.factors.ohe._INVALID respect.unordered.factors.ohe._TRUE replace.ohe._FALSE "
        "replace.ohe._INVALID",
    ),
    "7609": (
        "random forests (ranger)",
        "num.trees num.trees.na mtry min.node.size sample.fraction "
        "respect.unordered.factors.ohe._INVALID respect.unordered.factors.ohe._TRUE replace.ohe._FALSE "
        "replace.ohe._INVALID",
    ),
}
"""By id: the learner, and its encoded hyperparameters in order. `X.na` is 1 where `X` is inactive, and `X.ohe.Y` is 1
where the choice `X` is `Y`; a choice of which none is 1 has the value that upstream left out."""

OPTIMA: Mapping[str, Mapping[str, float]] = {
    "4796": {"23": 0.560081, "3549": 0.931034, "3918": 0.935077, "9903": 0.522, "9906": 0.397273, "9946": 0.945518},
    "5527": {"31": 0.769, "9914": 0.989254, "10101": 0.791444, "145804": 1.0, "146064": 1.0, "146065": 1.0},
    "5636": {
        "31": 0.754,
        "9914": 0.983261,
        "10101": 0.798128,
        "145804": 0.94572,
        "146064": 0.946043,
        "146065": 0.956739,
    },
    "5859": {"31": 0.751, "37": 0.766927, "3902": 0.902606, "9977": 0.953547, "9983": 0.816622, "125923": 0.865217},
    "5889": {"31": 0.775, "49": 0.991649, "3493": 0.983361, "3918": 0.94229, "3950": 0.999545, "9971": 0.730703},
    "5891": {"3492": 1.0, "3891": 0.929931, "3899": 0.907752, "6566": 0.975297, "9889": 0.988427, "9980": 0.916667},
    "5906": {
        "3889": 0.995623,
        "3896": 0.855984,
        "3918": 0.937782,
        "9970": 0.757426,
        "9971": 0.735849,
        "9977": 0.974815,
    },
    "5965": {
        "49": 0.993737,
        "3903": 0.907869,
        "9889": 0.985741,
        "9914": 0.986154,
        "9946": 0.970123,
        "10101": 0.800802,
        "145836": 0.796791,
    },
    "5970": {"37": 0.778646, "49": 0.983299, "3492": 0.746403, "9952": 0.74926, "14951": 0.587784, "34536": 0.974992},
    "5971": {"43": 0.956531, "3954": 0.88796, "6566": 0.978042, "9970": 0.763201, "10093": 0.997813, "34536": 0.977737},
    "6766": {
        "31": 0.765,
        "3903": 0.900192,
        "10101": 0.775401,
        "145804": 0.983299,
        "145953": 0.970275,
        "146064": 0.748201,
    },
    "6767": {"31": 0.781, "9914": 0.987187, "9967": 1.0, "145804": 0.998956, "146064": 1.0, "146065": 1.0},
    "6794": {"3": 0.997184, "31": 0.786, "9914": 0.986361, "10101": 0.802139, "145804": 0.993737, "146065": 0.985025},
    "7607": {"3896": 0.855984, "3903": 0.907869, "3913": 0.85249, "9946": 0.968366, "9967": 1.0, "145976": 0.78125},
    "7609": {
        "3903": 0.90723,
        "9967": 1.0,
        "34537": 0.973677,
        "125923": 0.875362,
        "145853": 0.870769,
        "145854": 0.970579,
        "145878": 0.970123,
    },
}
"""The best accuracy of each pool, by search space and OpenML task."""
