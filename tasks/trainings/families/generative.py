"""Models of each class's distribution: discriminant analysis and naive Bayes."""

from __future__ import annotations

from typing import Any

from optathlon.tasks.trainings.datasets import Learning
from optathlon.tasks.trainings.family import Config, Family, Setting, standardised
from optathlon.tasks.trainings.spaces import cs, make_space


def _discriminant_space(learning: Learning) -> cs.ConfigurationSpace:
    return make_space(
        cs.Categorical("boundary", ["linear", "quadratic"]),
        cs.Categorical("solver", ["svd", "lsqr", "eigen"]),
        cs.Float("tol", (1e-6, 0.1), log=True, default=1e-4),
        cs.Categorical("shrinkage", ["none", "auto", "given"]),
        cs.Float("strength", (0.0, 1.0), default=0.1),
        cs.Float("reg_param", (1e-8, 1.0), log=True, default=1e-3),
        when={
            "solver": ("boundary", ["linear"]),
            "tol": ("solver", ["svd"]),
            "shrinkage": ("solver", ["lsqr", "eigen"]),
            "strength": ("shrinkage", ["given"]),
            "reg_param": ("boundary", ["quadratic"]),
        },
    )


def _discriminant(config: Config, setting: Setting) -> Any:
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis, QuadraticDiscriminantAnalysis

    if config["boundary"] == "quadratic":
        core = QuadraticDiscriminantAnalysis(reg_param=config["reg_param"])
    else:
        shrinkages = {"none": None, "auto": "auto", "given": config.get("strength")}
        core = LinearDiscriminantAnalysis(
            solver=config["solver"], shrinkage=shrinkages[config.get("shrinkage", "none")], tol=config.get("tol", 1e-4)
        )
    return standardised(core)


def _naive_bayes_space(learning: Learning) -> cs.ConfigurationSpace:
    return make_space(
        cs.Categorical("distribution", ["normal", "binary", "categorical"]),
        cs.Float("var_smoothing", (1e-12, 1.0), log=True, default=1e-9),
        cs.Float("threshold", (0.0, 1.0), default=0.0),
        cs.Integer("n_bins", (2, 32), log=True, default=5),
        cs.Categorical("strategy", ["quantile", "uniform", "kmeans"]),
        cs.Float("alpha", (1e-3, 100.0), log=True, default=1.0),
        cs.Categorical("fit_prior", [True, False]),
        when={
            "var_smoothing": ("distribution", ["normal"]),
            "threshold": ("distribution", ["binary"]),
            "n_bins": ("distribution", ["categorical"]),
            "strategy": ("distribution", ["categorical"]),
            "alpha": ("distribution", ["binary", "categorical"]),
            "fit_prior": ("distribution", ["binary", "categorical"]),
        },
    )


def _naive_bayes(config: Config, setting: Setting) -> Any:
    from sklearn.naive_bayes import BernoulliNB, CategoricalNB, GaussianNB
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import KBinsDiscretizer

    match config["distribution"]:
        case "normal":
            core = GaussianNB(var_smoothing=config["var_smoothing"])
        case "binary":
            core = BernoulliNB(alpha=config["alpha"], binarize=config["threshold"], fit_prior=config["fit_prior"])
        case _:
            bins = KBinsDiscretizer(
                config["n_bins"], encode="ordinal", strategy=config["strategy"], random_state=setting.seed
            )
            counts = CategoricalNB(
                alpha=config["alpha"], fit_prior=config["fit_prior"], min_categories=config["n_bins"]
            )
            core = make_pipeline(bins, counts)
    return standardised(core)


DISCRIMINANT = Family(
    space=_discriminant_space,
    estimator=_discriminant,
    description="discriminant analysis (linear or quadratic, solver, shrinkage, regularisation), which fails where "
    "covariances are singular",
    seconds=0.01,
    learnings=("classification",),
)
NAIVE_BAYES = Family(
    space=_naive_bayes_space,
    estimator=_naive_bayes,
    description="naive Bayes (normal, binary or categorical features, how they become so, smoothing)",
    seconds=0.01,
    learnings=("classification",),
)
