"""Where each table is in the data folder, and the groups that its descriptor makes tasks of."""

from __future__ import annotations

from collections.abc import Sequence

_STEPLAW = {
    214_663_680: (4_000_000_000, 11_400_000_000, 20_000_000_000, 100_000_000_000),
    268_304_384: (5_000_000_000, 14_200_000_000, 25_000_000_000, 80_000_000_000),
    429_260_800: (8_000_000_000, 22_700_000_000, 40_000_000_000, 50_000_000_000),
    536_872_960: (10_000_000_000, 28_400_000_000, 50_000_000_000),
    1_073_741_824: (20_000_000_000, 56_900_000_000),
}
"""Parameters of the models, and the numbers of tokens that they were trained on."""

_TASKSET = (
    "patch128_LSTM128_avg_bs64",
    "patch128_LSTM128_bs64",
    "patch128_LSTM128_embed128_bs64",
    "patch32_GRU128_bs128",
    "patch32_GRU64_avg_bs128",
    "patch32_IRNN64_relu_avg_bs128",
    "patch32_IRNN64_relu_last_bs128",
    "patch32_LSTM128_E128_bs128",
    "patch32_LSTM128_bs128",
    "patch32_VRNN128_tanh_bs128",
    "patch32_VRNN64_relu_avg_bs128",
    "patch32_VRNN64_tanh_avg_bs128",
)

_SERVED = (
    "Qwen-Qwen2-7B",
    "meta-llama-Llama-2-70b-hf",
    "meta-llama-Llama-2-7b-hf",
    "meta-llama-Meta-Llama-3-70B",
    "meta-llama-Meta-Llama-3-8B",
    "mistralai-Mistral-7B-v0.1",
    "mistralai-Mixtral-8x7B-v0.1",
)

LISTED: dict[str, tuple[str, Sequence[str]]] = {
    "steplaw": (
        "steplaw/dense_lr_bs_loss.csv",
        [f"{size}/{tokens}" for size, several in _STEPLAW.items() for tokens in several],
    ),
    "steplaw-tokens": ("steplaw/dense_lr_bs_loss.csv", list(map(str, _STEPLAW))),
    "taskset-rnn": ("taskset_rnn/taskset.parquet", [f"FixedTextRNNClassification_imdb_{name}" for name in _TASKSET]),
    "nas-bench-macro": ("nas_bench_macro/nas_bench_macro_cifar10.csv", [""]),
    "llm-inference-bench": (
        "llm_inference_bench/all_results.csv",
        [f"{model}/{length}" for model in _SERVED for length in (128, 256, 512, 1024, 2048)],
    ),
    "alpaca-eval": ("alpaca_eval_lc/annotations.parquet", [""]),
}
"""By the descriptor's name: the table's path, and the groups, which end the tasks' ids."""
