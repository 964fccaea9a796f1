"""Support vector machines and other kernel methods."""

from __future__ import annotations

from typing import Any

from optathlon.tasks.trainings.datasets import Learning
from optathlon.tasks.trainings.family import (
    Config,
    Family,
    Setting,
    Size,
    everything,
    for_learning,
    standardised,
)
from optathlon.tasks.trainings.spaces import cs, make_space


def _svm_space(learning: Learning) -> cs.ConfigurationSpace:
    return make_space(
        cs.Float("C", (1e-3, 1e3), log=True, default=1.0),
        cs.Categorical("kernel", ["linear", "rbf", "poly", "sigmoid"], default="rbf"),
        cs.Float("gamma", (1e-5, 10.0), log=True, default=0.1),
        cs.Integer("degree", (2, 5), default=3),
        cs.Float("coef0", (-1.0, 1.0), default=0.0),
        when={
            "gamma": ("kernel", ["rbf", "poly", "sigmoid"]),
            "degree": ("kernel", ["poly"]),
            "coef0": ("kernel", ["poly", "sigmoid"]),
        },
    )


def _svm(config: Config, setting: Setting) -> Any:
    from sklearn.svm import SVC, SVR

    return standardised(for_learning(setting, SVC, SVR)(**config, max_iter=100_000))


def _share_of_support_vectors(model: Any, rows: int) -> float:
    return len(model.support_) / rows


def _kernel_ridge_space(learning: Learning) -> cs.ConfigurationSpace:
    return make_space(
        cs.Float("alpha", (1e-6, 10.0), log=True, default=1.0),
        cs.Categorical("kernel", ["rbf", "laplacian", "poly", "linear"], default="rbf"),
        cs.Float("gamma", (1e-5, 10.0), log=True, default=0.1),
        cs.Integer("degree", (2, 5), default=3),
        cs.Float("coef0", (0.0, 2.0), default=1.0),
        when={
            "gamma": ("kernel", ["rbf", "laplacian", "poly"]),
            "degree": ("kernel", ["poly"]),
            "coef0": ("kernel", ["poly"]),
        },
    )


def _kernel_ridge(config: Config, setting: Setting) -> Any:
    from sklearn.kernel_ridge import KernelRidge

    return standardised(KernelRidge(**config))


def _gaussian_process_space(learning: Learning) -> cs.ConfigurationSpace:
    return make_space(
        cs.Categorical("kernel", ["rbf", "matern12", "matern32", "matern52", "rational_quadratic"], default="rbf"),
        cs.Float("length_scale", (0.05, 50.0), log=True, default=1.0),
        cs.Float("noise", (1e-8, 1.0), log=True, default=0.01),
        cs.Float("mixture", (0.05, 20.0), log=True, default=1.0),
        when={"mixture": ("kernel", ["rational_quadratic"])},
    )


def _gaussian_process(config: Config, setting: Setting) -> Any:
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import RBF, Matern, RationalQuadratic

    scale = config["length_scale"]
    match config["kernel"]:
        case "rbf":
            kernel = RBF(scale)
        case "rational_quadratic":
            kernel = RationalQuadratic(scale, config["mixture"])
        case matern:
            kernel = Matern(scale, nu=int(matern.removeprefix("matern")[0]) / 2)
    return standardised(GaussianProcessRegressor(kernel, alpha=config["noise"], optimizer=None))


def _nystroem_space(learning: Learning) -> cs.ConfigurationSpace:
    return make_space(
        cs.Categorical("kernel", ["rbf", "laplacian", "poly", "sigmoid"], default="rbf"),
        cs.Integer("n_components", (8, 256), log=True, default=64),
        cs.Float("gamma", (1e-5, 10.0), log=True, default=0.1),
        cs.Integer("degree", (2, 5), default=3),
        cs.Float("coef0", (-1.0, 1.0), default=0.0),
        cs.Float("C", (1e-3, 1e3), log=True, default=1.0),
        when={"degree": ("kernel", ["poly"]), "coef0": ("kernel", ["poly", "sigmoid"])},
    )


def _nystroem(config: Config, setting: Setting) -> Any:
    from sklearn.kernel_approximation import Nystroem
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.pipeline import make_pipeline

    of_kernel = {name: value for name, value in config.items() if name != "C"}
    of_kernel["n_components"] = min(config["n_components"], setting.rows)
    linear = (
        LogisticRegression(C=config["C"], max_iter=200)
        if setting.learning == "classification"
        else Ridge(alpha=1 / config["C"])
    )
    return standardised(make_pipeline(Nystroem(**of_kernel, random_state=setting.seed), linear))


SVM = Family(
    space=_svm_space,
    estimator=_svm,
    description="a support vector machine (C, kernel, and what belongs to the kernel)",
    seconds=0.05,
    size=Size("support", "the share of training rows that are support vectors", _share_of_support_vectors, everything),
)
KERNEL_RIDGE = Family(
    space=_kernel_ridge_space,
    estimator=_kernel_ridge,
    description="kernel ridge regression (regularisation, kernel, and what belongs to the kernel)",
    seconds=0.05,
    learnings=("regression",),
)
GAUSSIAN_PROCESS = Family(
    space=_gaussian_process_space,
    estimator=_gaussian_process,
    description="a Gaussian process (kernel, length scale, noise), whose likelihood nobody maximises",
    seconds=0.05,
    learnings=("regression",),
)
NYSTROEM = Family(
    space=_nystroem_space,
    estimator=_nystroem,
    description="a linear model on features that approximate a kernel (kernel, components, regularisation)",
    seconds=0.1,
)
