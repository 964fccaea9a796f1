"""The engine of LLM tasks against transformers and torch: encoding, training, resuming, memory, answers."""

from __future__ import annotations

import copy
import itertools
import math
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from optathlon.errors import MissingData, UsageError
from optathlon.llm.chat import ALPACA, IGNORED, Encoded, Template, left_padded, right_padded
from optathlon.llm.examples import Example, Turn
from optathlon.llm.judging import Prompt
from optathlon.llm.memory import in_batches
from optathlon.tasks.llm.checkpoints import Checkpoints
from optathlon.tasks.llm.recipe import Recipe
from optathlon.tasks.llm.training import Diverged, ResponseLoss, Training
from optathlon.tasks.llm.tunable_model import Adapter

torch = pytest.importorskip("torch", reason="the extra 'llm' is not installed")
transformers = pytest.importorskip("transformers", reason="the extra 'llm' is not installed")
pytest.importorskip("peft", reason="the extra 'llm' is not installed")
pytestmark = pytest.mark.torch

ADAPTER = Adapter(4, 2.0, 0.1)
RECIPE = Recipe(1e-3, 8, warmup=0.1, weight_decay=0.01)


@pytest.fixture(scope="module")
def loaded(llm_cache: Path) -> Any:
    from optathlon.tasks.llm.loaded_setup import LoadedSetup
    from optathlon.tasks.llm.setups import TINY

    return LoadedSetup(TINY)


@pytest.fixture
def base(loaded: Any) -> Iterator[Any]:
    yield loaded.base
    with loaded.base.untuned() as model:
        from optathlon.llm.models import checksum

        assert checksum(model) == loaded.base.checksum


def weights_of(model: Any) -> list[Any]:
    return [weight.detach().clone() for weight in model.parameters() if weight.requires_grad]


def train(
    loaded: Any, adapter: Adapter | None, recipe: Recipe, *, until: int, seed: int = 1, budget: int = 10_000
) -> Any:
    with loaded.base.tunable(adapter, seed) as model:
        training = Training(
            model, loaded.train[:64], loaded.loss, recipe, epochs=3, seed=seed, autocast=loaded.base.autocast
        )
        training.run(until, budget)
        return weights_of(model), training.state(), training


# Encoding


def test_the_loss_is_on_the_response_alone(loaded: Any) -> None:
    example = Example(Prompt("x", "mirror a b c"), "the answer is c b a")
    encoded = loaded.template.encode(example, 64)
    words = loaded.tokenizer.convert_ids_to_tokens(encoded.tokens)
    assert words[: encoded.asked] == ["<s>", "<user>", "mirror", "a", "b", "c", "<assistant>"]
    assert words[encoded.asked :] == ["the", "answer", "is", "c", "b", "a", "</s>"]
    longer = loaded.template.encode(Example(Prompt("y", "rank a b c"), "the answer is a b c d e"), 64)
    batch = right_padded([encoded, longer], 0, "cpu")
    assert batch["labels"][0, : encoded.asked].eq(IGNORED).all()
    assert batch["labels"][0, encoded.asked : len(encoded.tokens)].tolist() == list(encoded.response)
    assert batch["labels"][0, len(encoded.tokens) :].eq(IGNORED).all()
    assert batch["attention_mask"].sum(dim=1).tolist() == [len(encoded.tokens), len(longer.tokens)]


def test_the_loss_is_that_of_transformers(loaded: Any) -> None:
    items = loaded.train[:7]
    with loaded.base.untuned() as model, torch.no_grad():
        ours = float(loaded.loss.total(model, items)) / loaded.loss.weight(items)
        theirs = float(model(**right_padded(items, 0, "cpu")).loss)
        singles = [float(model(**right_padded([item], 0, "cpu")).loss) for item in items]
        each = loaded.losses(model, items)
    assert ours == pytest.approx(theirs, rel=1e-5)
    assert each == pytest.approx(singles, rel=1e-4)


def test_templates_that_mislead_the_loss_are_refused(loaded: Any, tmp_path: Path) -> None:
    example = Example(Prompt("x", "mirror a b"), "b a", (Turn("user", "rank a"), Turn("assistant", "a")))
    (tmp_path / "bad.jinja").write_text(
        "{{ 'the ' if not add_generation_prompt }}{% for m in messages %}{{ m.content }} {% endfor %}"
    )
    with pytest.raises(UsageError, match="writes the prompt of 'x' otherwise"):
        Template(loaded.tokenizer, str(tmp_path / "bad.jinja")).encode(example, 64)
    (tmp_path / "broken.jinja").write_text("{{ raise_exception('no') }}")
    with pytest.raises(UsageError, match="can't write 'x'"):
        Template(loaded.tokenizer, str(tmp_path / "broken.jinja")).encode(example, 64)
    with pytest.raises(UsageError, match="no chat template"):
        Template(loaded.tokenizer, str(tmp_path / "absent.jinja"))
    with pytest.raises(UsageError, match="no room for a response within 5"):
        loaded.template.encode(example, 5)
    with pytest.raises(UsageError, match="'e' has no response"):
        loaded.template.encode(Example(Prompt("e", "mirror a b")), 64)
    plain = copy.deepcopy(loaded.tokenizer)
    plain.chat_template = None
    with pytest.raises(UsageError, match="the model has no chat template"):
        Template(plain)


def test_the_alpaca_template_is_alpacas(loaded: Any) -> None:
    """`PROMPT_DICT` of Stanford Alpaca's `train.py`, and what follows it there."""
    template = Template(loaded.tokenizer, "alpaca")
    assert template.text == ALPACA
    assert template._rendered(Example(Prompt("x", "Add.", "1 2"), "3"), answered=True) == (
        "Below is an instruction that describes a task, paired with an input that provides further context. "
        "Write a response that appropriately completes the request.\n\n"
        "### Instruction:\nAdd.\n\n### Input:\n1 2\n\n### Response:3</s>"
    )
    assert template._rendered(Example(Prompt("x", "Say hello."), "hi"), answered=True) == (
        "Below is an instruction that describes a task. "
        "Write a response that appropriately completes the request.\n\n"
        "### Instruction:\nSay hello.\n\n### Response:hi</s>"
    )


@pytest.mark.parametrize("begins", [True, False])
def test_the_alpaca_template_begins_as_the_tokenizer_does(loaded: Any, begins: bool) -> None:
    tokenizer = copy.deepcopy(loaded.tokenizer)
    if begins:
        from tokenizers.processors import TemplateProcessing

        tokenizer._tokenizer.post_processor = TemplateProcessing(
            single="<s> $A", special_tokens=[("<s>", tokenizer.bos_token_id)]
        )
    example = Example(Prompt("x", "mirror"), "a")
    template = Template(tokenizer, "alpaca")
    asked = tuple(tokenizer(template._rendered(example, answered=False))["input_ids"])
    assert (asked[0] == tokenizer.bos_token_id) == begins
    assert template.prompt(example) == asked
    encoded = template.encode(example, 999)
    assert encoded.tokens == asked + tuple(tokenizer("a</s>", add_special_tokens=False)["input_ids"])
    assert encoded.asked == len(asked)


def test_answers_end_where_the_template_ends_responses(loaded: Any) -> None:
    """As in Qwen's base models, whose tokenizer has another end than their template."""

    tokenizer = copy.deepcopy(loaded.tokenizer)
    assert loaded.template.ends == (tokenizer.eos_token_id,)
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|im_end|>"]})
    mark = tokenizer.convert_tokens_to_ids("<|im_end|>")
    tokenizer.chat_template = (
        "{% for message in messages %}<|{{ message.role }}|> {{ message.content }}<|im_end|>\n{% endfor %}"
        "{% if add_generation_prompt %}<|assistant|> {% endif %}"
    )
    template = Template(tokenizer)
    assert template.ends == (tokenizer.eos_token_id, mark)
    encoded = template.encode(Example(Prompt("x", "mirror"), "a"), 999)
    assert encoded.response == (tokenizer.convert_tokens_to_ids("a"), mark), "what follows the mark is not trained on"


def test_templates_are_told_the_same_time_every_day(loaded: Any, tmp_path: Path) -> None:
    """Llama 3's writes today's date."""
    path = tmp_path / "dated.jinja"
    path.write_text(
        "{% set today = date_string if date_string is defined else strftime_now('%d %b %Y %H:%M:%S') %}"
        "Today is {{ today }}. {% for message in messages %}{{ message.content }} {% endfor %}"
    )
    example = Example(Prompt("x", "mirror"), "a")
    dated = Template(loaded.tokenizer, str(path))
    assert dated._rendered(example, answered=False) == "Today is 26 Jul 2024 00:00:00. mirror "
    given = Template(loaded.tokenizer, str(path), {"date_string": "1 May"})
    assert given._rendered(example, answered=False) == "Today is 1 May. mirror "


def test_another_argument_of_the_template_is_another_task(own_task: Callable[..., Any], tmp_path: Path) -> None:
    from optathlon.tasks.llm.loaded_setup import LoadedSetup

    (tmp_path / "llm" / "t.jinja").write_text(
        "{{ 'sum ' if thinking }}{% for m in messages %}{{ m.content }} {{ '</s>' if loop.index == 2 }}{% endfor %}"
    )
    found = [
        LoadedSetup(own_task(template="t.jinja", template_arguments={"thinking": thinking}).setup)
        for thinking in (True, False)
    ]
    thought, plain = (one.prompts("validation")[0] for one in found)
    assert thought[1:] == plain
    assert found[0].key != found[1].key


def test_prompt_and_response_are_split_together_where_that_leaves_the_prompt_as_it_is() -> None:
    """A SentencePiece tokenizer puts a space before any text, which would stand between prompt and response."""
    from tokenizers import Tokenizer
    from tokenizers.decoders import Metaspace as Decoder
    from tokenizers.models import BPE
    from tokenizers.pre_tokenizers import Metaspace
    from transformers import PreTrainedTokenizerFast

    words = {word: number for number, word in enumerate(["</s>", "<unk>", "▁", *"abcdxy:", "ab", "▁ab", "▁c"])}
    model = BPE(words, [("a", "b"), ("▁", "ab"), ("▁", "c")], unk_token="<unk>")
    made = Tokenizer(model)
    made.pre_tokenizer, made.decoder = Metaspace(), Decoder()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=made, eos_token="</s>", unk_token="<unk>", pad_token="</s>")
    template = "{% for m in messages %}{{ m.content + (eos_token if m.role == 'assistant' else SIGN) }}{% endfor %}"

    def spelled(sign: str) -> list[str]:
        tokenizer.chat_template = template.replace("SIGN", repr(sign))
        encoded = Template(tokenizer).encode(Example(Prompt("x", "dab"), "cab"), 99)
        return [*tokenizer.convert_ids_to_tokens(encoded.response)]

    assert spelled(":") == ["c", "ab", "</s>"]
    assert tokenizer.tokenize("cab") == ["▁c", "ab"], "what it would have been apart"
    assert spelled(": ") == ["▁c", "ab", "</s>"], "a token reaches from the prompt into the response"


def test_answers_end_with_any_of_the_ends(loaded: Any) -> None:
    from optathlon.llm.generation import write

    prompts = loaded.prompts("validation")[:3]
    options: dict[str, Any] = {"max_new_tokens": 5, "batch_size": 1, "device": "cpu"}
    for ends, length in (((2, 9), 2), ((2,), 5)):
        story = itertools.cycle([7, 9, 7, 9, 7])
        with loaded.base.untuned() as model:

            def scores(tokens: Any, logits: Any, story: Any = story) -> Any:
                return torch.nn.functional.one_hot(torch.tensor([next(story)]), logits.shape[1]).float()

            (written,) = write(model, loaded.tokenizer, prompts[:1], ends=ends, scores=scores, **options)
        assert written == [7, 9, 7, 9, 7][:length]


def test_left_padding_changes_no_answer(loaded: Any) -> None:
    from optathlon.llm.generation import answer

    prompts = loaded.prompts("validation")[:24]
    options: dict[str, Any] = {"ends": loaded.template.ends, "max_new_tokens": 12, "device": "cpu"}
    with loaded.base.untuned() as model:
        together = answer(model, loaded.tokenizer, prompts, batch_size=24, **options)
        alone = [answer(model, loaded.tokenizer, [prompt], batch_size=1, **options).texts[0] for prompt in prompts]
        widths = {len(prompt) for prompt in prompts}
        padded = left_padded(prompts, 0, "cpu")
    assert len(widths) > 1
    assert list(together.texts) == alone
    assert padded["input_ids"][:, -1].tolist() == [prompt[-1] for prompt in prompts]


# Training


@pytest.mark.parametrize(
    ("schedule", "theirs"), [("cosine", "cosine"), ("linear", "linear"), ("constant", "constant_with_warmup")]
)
def test_schedules_are_those_of_transformers(schedule: Any, theirs: str) -> None:
    steps, warm = 40, 8
    recipe = Recipe(0.1, 8, schedule=schedule, warmup=warm / steps)
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
    scheduler = transformers.get_scheduler(theirs, optimizer, num_warmup_steps=warm, num_training_steps=steps)
    expected = []
    for _ in range(steps):
        expected.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    ours = [recipe.rate(step, steps) for step in range(steps)]
    assert ours[warm:] == pytest.approx(expected[warm:], abs=1e-12)
    assert ours[0] > 0 and ours[:warm] == sorted(ours[:warm]) and ours[warm - 1] < 0.1


@pytest.mark.parametrize("warmup", [0.0, 0.03, 0.1, 0.5])
@pytest.mark.parametrize("steps", [3, 7, 40])
@pytest.mark.parametrize("name", ["cosine", "linear", "constant_with_warmup", "cosine_with_min_lr"])
def test_from_zero_all_rates_are_those_of_transformers(name: str, steps: int, warmup: float) -> None:
    """Its `Trainer` warms up for `warmup_steps = ceil(ratio · steps)`."""
    least = 0.1 if name == "cosine_with_min_lr" else 0.0
    schedule: Any = name.partition("_")[0]
    recipe = Recipe(0.1, 8, schedule=schedule, warmup=warmup, minimum_rate=least, warmup_from="zero")
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
    scheduler = transformers.get_scheduler(
        name,
        optimizer,
        num_warmup_steps=math.ceil(warmup * steps),
        num_training_steps=steps,
        scheduler_specific_kwargs={"min_lr_rate": least} if least else {},
    )
    for step in range(steps):
        assert recipe.rate(step, steps) == pytest.approx(optimizer.param_groups[0]["lr"], abs=1e-12)
        optimizer.step()
        scheduler.step()


def test_a_step_is_that_of_torch(loaded: Any, base: Any) -> None:
    recipe = Recipe(1e-3, 64, schedule="constant", weight_decay=0.1, beta1=0.8, beta2=0.95, epsilon=1e-5, clip=0.1)
    ours, _, training = train(loaded, None, recipe, until=1)
    with base.tunable(None, 1) as model:
        matrices = [weight for weight in model.parameters() if weight.ndim >= 2]
        vectors = [weight for weight in model.parameters() if weight.ndim < 2]
        groups = [{"params": matrices, "weight_decay": 0.1}, {"params": vectors, "weight_decay": 0.0}]
        optimizer = torch.optim.AdamW(groups, lr=1e-3, betas=(0.8, 0.95), eps=1e-5, foreach=False)
        order = np.random.default_rng([1, 0]).permutation(64)
        loss = model(**right_padded([loaded.train[index] for index in order], 0, "cpu")).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 0.1)
        optimizer.step()
        theirs = weights_of(model)
    assert training.losses == pytest.approx([loss.item()], rel=1e-5)
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("adapter", [None, Adapter(4, 2.0, 0.0)])
def test_micro_batches_leave_the_effective_batch_as_it_is(loaded: Any, base: Any, adapter: Adapter | None) -> None:
    recipe = Recipe(1e-2, 16, "sgd", schedule="constant")
    whole, _, _ = train(loaded, adapter, recipe, until=1)
    split, _, _ = train(loaded, adapter, recipe, until=1, budget=40)
    for one, other in zip(whole, split, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=2e-5)


@pytest.mark.parametrize("adapter", [None, ADAPTER])
@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_a_continued_training_equals_an_uninterrupted_one_bit_for_bit(
    loaded: Any, base: Any, adapter: Adapter | None, optimizer: Any, tmp_path: Path
) -> None:
    recipe = Recipe(1e-3, 24, optimizer, warmup=0.2, weight_decay=0.01)
    whole, _, uninterrupted = train(loaded, adapter, recipe, until=3)
    _, state, _ = train(loaded, adapter, recipe, until=1)
    torch.save(state, tmp_path / "state.pt")
    torch.manual_seed(99)
    with base.tunable(adapter, 1) as model:
        training = Training(model, loaded.train[:64], loaded.loss, recipe, epochs=3, seed=1, autocast=nullcontext)
        training.load(torch.load(tmp_path / "state.pt", weights_only=True))
        training.run(3, 10_000)
        continued = weights_of(model)
    assert training.losses == uninterrupted.losses
    assert all(torch.equal(one, other) for one, other in zip(whole, continued, strict=True))


def test_training_leaves_no_trace_in_the_base_or_in_global_state(loaded: Any, base: Any) -> None:
    state = torch.get_rng_state()
    with base.untuned() as model:
        before = [weight.clone() for weight in model.state_dict().values()]
        names = list(model.state_dict())
    for adapter in (ADAPTER, None, ADAPTER):
        train(loaded, adapter, RECIPE, until=1)
    with base.untuned() as model:
        assert list(model.state_dict()) == names
        assert all(torch.equal(one, other) for one, other in zip(before, model.state_dict().values(), strict=True))
        assert not {"peft_config", "_hf_peft_config_loaded"} & vars(model).keys()
    assert torch.equal(state, torch.get_rng_state())


def test_another_seed_is_another_training(loaded: Any, base: Any) -> None:
    for adapter in (None, ADAPTER):
        ours, _, _ = train(loaded, adapter, RECIPE, until=1, seed=1)
        again, _, _ = train(loaded, adapter, RECIPE, until=1, seed=1)
        theirs, _, _ = train(loaded, adapter, RECIPE, until=1, seed=2)
        assert all(torch.equal(one, other) for one, other in zip(ours, again, strict=True))
        assert not all(torch.equal(one, other) for one, other in zip(ours, theirs, strict=True))


def test_a_loss_that_is_no_number_ends_the_training(loaded: Any, base: Any) -> None:
    with pytest.raises(Diverged, match=r"at step \d+ of 24"), base.tunable(None, 1) as model:
        with torch.no_grad():
            next(model.parameters()).fill_(float("nan"))
        training = Training(model, loaded.train[:64], loaded.loss, RECIPE, epochs=3, seed=1, autocast=nullcontext)
        training.run(1, 10_000)


def test_an_adapter_that_spoils_the_base_is_noticed(loaded: Any) -> None:
    from optathlon.errors import OptathlonError
    from optathlon.tasks.llm.loaded_setup import LoadedSetup
    from optathlon.tasks.llm.setups import TINY

    base = LoadedSetup(TINY).base
    with pytest.raises(OptathlonError, match="has changed the base"), base.tunable(ADAPTER, 0) as model:
        model.get_base_model().model.norm.weight.data.add_(1.0)


def test_only_the_layers_that_are_named_are_adapted(loaded: Any, base: Any) -> None:
    adapter = Adapter(2, 2.0, 0.0, targets="q_proj, v_proj")
    with base.tunable(adapter, 1) as model:
        adapted = {name.split(".lora_")[0].split(".")[-1] for name, _ in model.named_parameters() if ".lora_" in name}
    assert adapted == {"q_proj", "v_proj"}
    with (
        pytest.raises(UsageError, match="the LoRA targets 'nothing'"),
        base.tunable(Adapter(2, 2.0, 0.0, "nothing"), 1),
    ):
        pass


def test_weights_in_use_are_not_replaced(loaded: Any, base: Any) -> None:
    from optathlon.errors import OptathlonError

    for adapter in (None, ADAPTER):
        with base.tunable(adapter, 0), pytest.raises(OptathlonError, match="is in use"), base.untuned():
            pass
    with base.untuned():
        pass


@pytest.mark.parametrize("adapter", [None, ADAPTER])
def test_a_tuned_models_weights_can_be_tuned_again(loaded: Any, base: Any, adapter: Adapter | None) -> None:
    batch = right_padded(loaded.train[:8], 0, "cpu")
    with base.tunable(adapter, 1) as model, torch.no_grad():
        for weight in model.parameters():
            if weight.requires_grad:
                weight.add_(0.01 * torch.randn_like(weight))
        expected = model.eval()(**batch).logits
        weights = base.tuned_weights(model)
    assert weights.keys() == base.weights.keys()
    for again in (None, ADAPTER):
        with base.tunable(again, 1, weights) as model, torch.no_grad():
            torch.testing.assert_close(model.eval()(**batch).logits, expected, rtol=1e-4, atol=1e-4)
    with base.untuned() as model:
        assert model.state_dict().keys() - base.weights.keys() == {"lm_head.weight"}, "the head is tied to the input"
        assert all(torch.equal(model.state_dict()[name], tensor) for name, tensor in base.weights.items())


# Memory


def test_batches_are_halved_until_they_fit() -> None:
    tried: list[int] = []

    def work(batch: Any) -> list[int]:
        tried.append(len(batch))
        if len(batch) > 3:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return [2 * item for item in batch]

    assert in_batches(work, list(range(10)), 8) == [2 * item for item in range(10)]
    assert tried == [8, 4, 2, 2, 2, 2, 2]


def test_one_that_is_too_much_is_out_of_memory_and_other_errors_are_themselves() -> None:
    def too_much(batch: Any) -> list[int]:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 bytes")

    def broken(batch: Any) -> list[int]:
        raise RuntimeError("shapes differ")

    with pytest.raises(MemoryError, match="one at a time is too much"):
        in_batches(too_much, [1, 2, 3], 3)
    with pytest.raises(RuntimeError, match="shapes differ"):
        in_batches(broken, [1, 2, 3], 3)


def test_a_training_that_does_not_fit_is_done_in_smaller_parts(loaded: Any, base: Any) -> None:
    class Narrow(ResponseLoss):
        sizes: ClassVar[list[tuple[int, int]]] = []

        def total(self, model: Any, items: Any) -> Any:
            tokens = len(items) * max(len(item.tokens) for item in items)
            self.sizes.append((len(items), tokens))
            if tokens > 60:
                raise torch.OutOfMemoryError("CUDA out of memory")
            return super().total(model, items)

    config = {"learning_rate": 1e-2, "batch_size": 16, "optimizer": "sgd", "schedule": "constant"}
    items = loaded.train[:64]

    def tuned(loss: Any) -> list[Any]:
        with loaded.tuned(items, loss, config, until=1, epochs=3, seed=1) as (model, _):
            return weights_of(model)

    roomy = tuned(loaded.loss)
    narrow = Narrow(loaded.tokenizer.pad_token_id, "cpu")
    tight = tuned(narrow)
    first = next(place for place, (_, tokens) in enumerate(narrow.sizes) if tokens <= 60)
    done = narrow.sizes[first:]
    assert narrow.sizes[0][0] == 16 and first <= 5
    assert max(tokens for _, tokens in done) <= 60
    assert sum(count for count, _ in done) == len(items), "what was lost is done again from the beginning"
    narrow.sizes.clear()
    again = tuned(narrow)
    assert narrow.sizes == done, "what has fitted is remembered"
    assert all(torch.equal(one, other) for one, other in zip(tight, again, strict=True))
    after = tuned(loaded.loss)
    assert all(torch.equal(one, other) for one, other in zip(roomy, after, strict=True)), "other losses are others"
    for one, other in zip(roomy, tight, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=2e-5)


def test_what_was_tried_in_vain_is_charged(loaded: Any, base: Any) -> None:
    class Late(ResponseLoss):
        failed: ClassVar[list[float]] = []

        def total(self, model: Any, items: Any) -> Any:
            if not self.failed:
                time.sleep(0.2)
                self.failed.append(0.2)
                raise torch.OutOfMemoryError("CUDA out of memory")
            return super().total(model, items)

    config = {"learning_rate": 1e-2, "batch_size": 16}
    loss = Late(loaded.tokenizer.pad_token_id, "cpu")
    began = time.perf_counter()
    with loaded.tuned(loaded.train[:16], loss, config, until=1, epochs=3, seed=1) as (_, training):
        passed = time.perf_counter() - began
    assert 0.2 <= training.seconds <= passed


# Checkpoints


def test_checkpoints_are_whole_and_within_their_quota(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    monkeypatch.setenv("OPTATHLON_CACHE", str(tmp_path))
    state = {"weights": [torch.zeros(1000)]}
    kept = Checkpoints(quota=3 * 6000)
    for epoch, key in enumerate("abcd", start=1):
        kept.save(key, 1, state)
        folder = tmp_path / "llm" / "checkpoints"
        if (folder / f"{key}-1.pt").exists():
            os.utime(folder / f"{key}-1.pt", (epoch, epoch))
    names = sorted(path.name for path in folder.iterdir())
    assert names == ["b-1.pt", "c-1.pt", "d-1.pt"]
    assert sum(path.stat().st_size for path in folder.iterdir()) <= 18_000
    assert kept.latest("a", 3) is None
    assert torch.equal(kept.latest("d", 3)["weights"][0], torch.zeros(1000))  # type: ignore[index]
    (folder / "d-2.pt").write_bytes(b"half a file")
    assert kept.latest("d", 3) is not None
    assert not (folder / "d-2.pt").exists()
    assert kept.latest("d", 0) is None
    Checkpoints(quota=10).save("e", 1, state)
    assert not (folder / "e-1.pt").exists()
    assert (folder / "d-1.pt").exists(), "what can't be kept drives nothing out"


def test_the_leavings_of_killed_processes_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    monkeypatch.setenv("OPTATHLON_CACHE", str(tmp_path))
    folder = tmp_path / "llm" / "checkpoints"
    folder.mkdir(parents=True)
    old, new = folder / ".unfinished-old", folder / ".unfinished-new"
    for path in (old, new):
        path.write_bytes(b"half")
    os.utime(old, (1, 1))
    Checkpoints(quota=10**6).save("a", 1, {"weights": []})
    assert sorted(path.name for path in folder.iterdir()) == [new.name, "a-1.pt"]


# Models


def test_a_model_that_is_not_here_is_said(llm_cache: Path, tmp_path: Path) -> None:
    from optathlon.llm.models import load_model, load_tokenizer

    with pytest.raises(MissingData, match=r"the model 'nobody/nothing' is not on this machine: fetch it with `hf down"):
        load_model("nobody/nothing", "cpu", "float32")
    with pytest.raises(MissingData, match="nobody/nothing"):
        load_tokenizer("nobody/nothing")
    with pytest.raises(UsageError, match="not a model in the layout of transformers"):
        load_model(str(tmp_path), "cpu", "float32")


def test_encoded_responses_are_what_follows_the_prompt() -> None:
    assert Encoded((1, 2, 3, 4), 3).response == (4,)
