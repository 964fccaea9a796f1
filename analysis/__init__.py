"""From stored results to statistics and figures.

`metrics` and `stats` go from frame to frame, `plots` from frame to figure. Nothing here prints, and nothing writes but
the exports. The names below load on first use. The report, which is above all of this and the subsets, is in
`optathlon.analysis.report`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from optathlon.lazy import lazy_names

if TYPE_CHECKING:
    from optathlon.analysis.compare import changes as changes
    from optathlon.analysis.compare import paired_runs as paired_runs
    from optathlon.analysis.compare import side_by_side as side_by_side
    from optathlon.analysis.compare import task_changes as task_changes
    from optathlon.analysis.export.coco import export_coco as export_coco
    from optathlon.analysis.export.ioh import export_ioh as export_ioh
    from optathlon.analysis.metrics.anytime import anytime_auc as anytime_auc
    from optathlon.analysis.metrics.anytime import incumbents_at as incumbents_at
    from optathlon.analysis.metrics.attainment import median_attainment as median_attainment
    from optathlon.analysis.metrics.comparable import comparable as comparable
    from optathlon.analysis.metrics.coverage import coverage as coverage
    from optathlon.analysis.metrics.final import final_values as final_values
    from optathlon.analysis.metrics.fixed_budgets import fixed_budgets as fixed_budgets
    from optathlon.analysis.metrics.fixed_targets import fixed_targets as fixed_targets
    from optathlon.analysis.metrics.hypervolume import running_hypervolume as running_hypervolume
    from optathlon.analysis.metrics.normalisation import normalised_regret as normalised_regret
    from optathlon.analysis.metrics.overhead import overhead as overhead
    from optathlon.analysis.metrics.overhead import overhead_of_runs as overhead_of_runs
    from optathlon.analysis.metrics.references import freeze_references as freeze_references
    from optathlon.analysis.metrics.references import references as references
    from optathlon.analysis.metrics.targets import expected_runtime as expected_runtime
    from optathlon.analysis.metrics.targets import runtime_distribution as runtime_distribution
    from optathlon.analysis.metrics.targets import runtimes as runtimes
    from optathlon.analysis.metrics.task_features import task_features as task_features
    from optathlon.analysis.metrics.trajectory import trajectories as trajectories
    from optathlon.analysis.stats.aggregates import aggregates as aggregates
    from optathlon.analysis.stats.agreement import judge_quality as judge_quality
    from optathlon.analysis.stats.agreement import kappas as kappas
    from optathlon.analysis.stats.agreement import label_counts as label_counts
    from optathlon.analysis.stats.agreement import majority as majority
    from optathlon.analysis.stats.agreement import position_consistency as position_consistency
    from optathlon.analysis.stats.bayes import bayesian_signed_rank as bayesian_signed_rank
    from optathlon.analysis.stats.bayes import hierarchical as hierarchical
    from optathlon.analysis.stats.bootstrap import bootstrap_means as bootstrap_means
    from optathlon.analysis.stats.bootstrap import bootstrap_ranks as bootstrap_ranks
    from optathlon.analysis.stats.comparison import comparisons as comparisons
    from optathlon.analysis.stats.efficiency import efficient as efficient
    from optathlon.analysis.stats.elo import elo as elo
    from optathlon.analysis.stats.focus import rank_leads as rank_leads
    from optathlon.analysis.stats.generalisation import generalisation as generalisation
    from optathlon.analysis.stats.importance import hyperparameter_importance as hyperparameter_importance
    from optathlon.analysis.stats.improvability import improvability as improvability
    from optathlon.analysis.stats.improvement import probability_of_improvement as probability_of_improvement
    from optathlon.analysis.stats.nemenyi import friedman_nemenyi as friedman_nemenyi
    from optathlon.analysis.stats.pairwise import effect_sizes as effect_sizes
    from optathlon.analysis.stats.pairwise import win_tie_loss as win_tie_loss
    from optathlon.analysis.stats.power import power as power
    from optathlon.analysis.stats.profiles import performance_profiles as performance_profiles
    from optathlon.analysis.stats.rank_differences import rank_differences as rank_differences
    from optathlon.analysis.stats.ranking import mean_ranks as mean_ranks
    from optathlon.analysis.stats.ranking import ranks as ranks
    from optathlon.analysis.stats.sensitivity import sensitivity as sensitivity
    from optathlon.analysis.stats.standings import standings as standings
    from optathlon.analysis.stats.strengths import strengths as strengths
    from optathlon.analysis.stats.task_correlation import task_correlation as task_correlation
    from optathlon.analysis.stats.time_to_target import time_ratios as time_ratios
    from optathlon.analysis.stats.time_to_target import time_to_target_profiles as time_to_target_profiles
    from optathlon.analysis.stats.time_to_target import time_to_target_scores as time_to_target_scores
    from optathlon.analysis.stats.virtual_best import virtual_best as virtual_best
    from optathlon.analysis.stats.wilcoxon import wilcoxon_holm as wilcoxon_holm
    from optathlon.analysis.stats.wilcoxon import wilcoxon_of_scores as wilcoxon_of_scores
    from optathlon.llm.agreement import cohens_kappa as cohens_kappa

_HOMES = {
    "aggregates": "stats.aggregates",
    "anytime_auc": "metrics.anytime",
    "bayesian_signed_rank": "stats.bayes",
    "bootstrap_means": "stats.bootstrap",
    "bootstrap_ranks": "stats.bootstrap",
    "changes": "compare",
    "cohens_kappa": "stats.agreement",
    "comparable": "metrics.comparable",
    "comparisons": "stats.comparison",
    "coverage": "metrics.coverage",
    "effect_sizes": "stats.pairwise",
    "efficient": "stats.efficiency",
    "elo": "stats.elo",
    "expected_runtime": "metrics.targets",
    "export_coco": "export.coco",
    "export_ioh": "export.ioh",
    "final_values": "metrics.final",
    "fixed_budgets": "metrics.fixed_budgets",
    "fixed_targets": "metrics.fixed_targets",
    "freeze_references": "metrics.references",
    "friedman_nemenyi": "stats.nemenyi",
    "generalisation": "stats.generalisation",
    "hierarchical": "stats.bayes",
    "hyperparameter_importance": "stats.importance",
    "improvability": "stats.improvability",
    "incumbents_at": "metrics.anytime",
    "judge_quality": "stats.agreement",
    "kappas": "stats.agreement",
    "label_counts": "stats.agreement",
    "majority": "stats.agreement",
    "mean_ranks": "stats.ranking",
    "median_attainment": "metrics.attainment",
    "normalised_regret": "metrics.normalisation",
    "overhead": "metrics.overhead",
    "overhead_of_runs": "metrics.overhead",
    "paired_runs": "compare",
    "performance_profiles": "stats.profiles",
    "position_consistency": "stats.agreement",
    "power": "stats.power",
    "probability_of_improvement": "stats.improvement",
    "rank_differences": "stats.rank_differences",
    "rank_leads": "stats.focus",
    "ranks": "stats.ranking",
    "references": "metrics.references",
    "running_hypervolume": "metrics.hypervolume",
    "runtime_distribution": "metrics.targets",
    "runtimes": "metrics.targets",
    "sensitivity": "stats.sensitivity",
    "side_by_side": "compare",
    "standings": "stats.standings",
    "strengths": "stats.strengths",
    "task_changes": "compare",
    "task_correlation": "stats.task_correlation",
    "task_features": "metrics.task_features",
    "time_ratios": "stats.time_to_target",
    "time_to_target_profiles": "stats.time_to_target",
    "time_to_target_scores": "stats.time_to_target",
    "trajectories": "metrics.trajectory",
    "virtual_best": "stats.virtual_best",
    "wilcoxon_holm": "stats.wilcoxon",
    "wilcoxon_of_scores": "stats.wilcoxon",
    "win_tie_loss": "stats.pairwise",
}

__all__ = [
    "aggregates",
    "anytime_auc",
    "bayesian_signed_rank",
    "bootstrap_means",
    "bootstrap_ranks",
    "changes",
    "cohens_kappa",
    "comparable",
    "comparisons",
    "coverage",
    "effect_sizes",
    "efficient",
    "elo",
    "expected_runtime",
    "export_coco",
    "export_ioh",
    "final_values",
    "fixed_budgets",
    "fixed_targets",
    "freeze_references",
    "friedman_nemenyi",
    "generalisation",
    "hierarchical",
    "hyperparameter_importance",
    "improvability",
    "incumbents_at",
    "judge_quality",
    "kappas",
    "label_counts",
    "majority",
    "mean_ranks",
    "median_attainment",
    "normalised_regret",
    "overhead",
    "overhead_of_runs",
    "paired_runs",
    "performance_profiles",
    "position_consistency",
    "power",
    "probability_of_improvement",
    "rank_differences",
    "rank_leads",
    "ranks",
    "references",
    "running_hypervolume",
    "runtime_distribution",
    "runtimes",
    "sensitivity",
    "side_by_side",
    "standings",
    "strengths",
    "task_changes",
    "task_correlation",
    "task_features",
    "time_ratios",
    "time_to_target_profiles",
    "time_to_target_scores",
    "trajectories",
    "virtual_best",
    "wilcoxon_holm",
    "wilcoxon_of_scores",
    "win_tie_loss",
]

__getattr__, __dir__ = lazy_names(__name__, _HOMES)
