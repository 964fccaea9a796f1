"""The protocol with real child processes: what is said, and what comes of children that die, hang or talk nonsense."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from ConfigSpace import (
    AndConjunction,
    Categorical,
    ConfigurationSpace,
    Constant,
    EqualsCondition,
    Float,
    ForbiddenAndConjunction,
    ForbiddenEqualsClause,
    ForbiddenInClause,
    GreaterThanCondition,
    InCondition,
    Integer,
)

from optathlon import Budget, Constraint, Fidelity, Objective, Problem, Result, SearchSpaceExhausted, Status, Trial
from optathlon.remote import CommandOptimizer, RemoteError, RemoteOptimizer, messages
from optathlon.remote.adapters import source_files
from optathlon.testing.conformance import Check, optimizer_checks

EXAMPLES = Path(__file__).resolve().parents[3] / "docs" / "examples"

READY = 'say({"type": "ready", "protocol_version": 1})'
HEAD = """
import json, os, sys, time
def say(message):
    print(json.dumps(message), flush=True)
def hear():
    line = sys.stdin.readline()
    return json.loads(line) if line else sys.exit()
"""
PROPOSE = 'say({"type": "propose", "candidate": {"x": 0.5}})'


def problem(**rest: Any) -> Problem:
    return Problem(ConfigurationSpace({"x": (0.0, 1.0)}), **rest)


@pytest.fixture
def start(tmp_path: Path) -> Callable[..., RemoteOptimizer]:
    """An optimizer whose child runs these lines of Python."""

    def start(code: str, *, timeout: float = 20.0, **rest: Any) -> RemoteOptimizer:
        script = tmp_path / "child.py"
        script.write_text(HEAD + code)
        return RemoteOptimizer(
            problem(**rest),
            7,
            command=(sys.executable, "-S", str(script)),
            folder=tmp_path,
            variables={},
            options={"step": 0.5},
            timeout=timeout,
        )

    return start


def complaint(action: Callable[[], object]) -> str:
    with pytest.raises(RemoteError) as caught:
        action()
    return str(caught.value)


def test_what_is_said_and_heard(start: Any, tmp_path: Path) -> None:
    code = f"""
heard = open("heard", "w")
while True:
    message = hear()
    heard.write(json.dumps(message) + "\\n")
    heard.flush()
    if message["type"] == "init":
        {READY}
    if message["type"] == "ask":
        say({{"type": "propose", "candidate": {{"x": 0.25}}, "fidelity": 3, "parent": 0, "else": None}})
    if message["type"] == "finish":
        break
"""
    optimizer = start(code, fidelity=Fidelity("epochs", 1, 9, "int", resumable=True), budget=Budget.parse("60s"))
    assert optimizer.ask() == Trial({"x": 0.25}, 3, 0)
    optimizer.tell(Trial({"x": 0.25}, 3, 0, id=4), Result(values=(0.5,), losses=(-0.5,), cost=2.0))
    failure = Result(status=Status.CRASHED, losses=(1e300,), error="boom")
    optimizer.tell(Trial({"x": 0.1}, 9, id=5), failure)
    del optimizer
    init, ask, told, failed, finish = map(json.loads, (tmp_path / "heard").read_text().splitlines())
    assert init == {
        "type": "init",
        "protocol_version": 1,
        "optimizer_seed": 7,
        "options": {"step": 0.5},
        "problem": {
            "space": [{"name": "x", "type": "float", "low": 0.0, "high": 1.0, "log": False, "default": 0.5}],
            "forbidden": [],
            "objective": "maximize",
            "objectives": [{"name": "value", "direction": "minimize", "reference": None}],
            "constraints": [],
            "fidelity": {
                "name": "epochs",
                "type": "int",
                "low": 1,
                "high": 9,
                "log": False,
                "levels": None,
                "resumable": True,
            },
            "fidelities": None,
            "budget": {"evaluations": None, "cost_limit": None, "time_limit_sec": 60.0},
            "n_workers": 1,
        },
    }
    assert ask == {"type": "ask"}
    assert told == {
        "type": "tell",
        "candidate_id": 4,
        "candidate": {"x": 0.25},
        "fidelity": 3,
        "parent": 0,
        "valid": True,
        "status": "ok",
        "losses": [-0.5],
        "score": 0.5,
        "constraints": [],
        "cost": 2.0,
        "error": None,
    }
    assert (failed["valid"], failed["status"], failed["score"]) == (False, "crashed", None)
    assert (failed["losses"], failed["constraints"], failed["error"]) == ([1e300], None, "boom")
    assert finish == {"type": "finish", "reason": "ended"}


def test_spaces_with_conditions_and_forbidden_clauses() -> None:
    space = ConfigurationSpace()
    model = Categorical("model", ["svm", "forest", "tree"])
    kernel, degree = Categorical("kernel", ["rbf", "poly"]), Integer("degree", (2, 5))
    depth, size = Integer("depth", (1, 64), log=True), Categorical("size", ["s", "m"], ordered=True)
    on, unused = Constant("on", 1), Constant("unused", 3)
    space.add(model, kernel, degree, depth, size, on, unused, Float("rate", (0.1, 1.0)))
    space.add(
        EqualsCondition(kernel, model, "svm"),
        AndConjunction(EqualsCondition(degree, model, "svm"), EqualsCondition(degree, kernel, "poly")),
        InCondition(depth, model, ["forest", "tree"]),
        GreaterThanCondition(space["rate"], space["size"], "s"),
        ForbiddenAndConjunction(ForbiddenEqualsClause(model, "tree"), ForbiddenInClause(size, ["m"])),
        ForbiddenEqualsClause(degree, 3),
    )
    space.add(EqualsCondition(space["size"], space["on"], 1))
    told = messages.init(Problem(space), 0, {})["problem"]
    entries = {entry["name"]: entry for entry in told["space"]}
    assert entries["on"] == {"name": "on", "type": "categorical", "choices": [1], "default": 1}
    assert "unused" not in entries
    assert {name: entry.get("condition") for name, entry in entries.items()} == {
        "model": None,
        "on": None,
        "kernel": {"param": "model", "equals": ["svm"]},
        "degree": {"all": [{"param": "model", "equals": ["svm"]}, {"param": "kernel", "equals": ["poly"]}]},
        "depth": {"param": "model", "equals": ["forest", "tree"]},
        "size": {"param": "on", "equals": [1]},
        "rate": {"param": "size", "greater_than": "s"},
    }
    assert [*entries].index("kernel") < [*entries].index("degree")
    assert (entries["depth"]["log"], entries["size"]["ordered"]) == (True, True)
    assert sorted(told["forbidden"], key=len) == [
        {"all": [{"param": "model", "equals": ["tree"]}, {"param": "size", "equals": ["m"]}]},
        {"param": "degree", "equals": [3]},
    ]


def test_references_are_losses() -> None:
    objectives = (Objective("loss", reference=2.0), Objective("accuracy", "maximize", reference=0.5))
    told = messages.init(problem(objectives=objectives, constraints=(Constraint("c"),)), 0, {})["problem"]
    assert [one["reference"] for one in told["objectives"]] == [2.0, -0.5]
    assert told["constraints"] == ["c"]


def test_waits_and_exhaustion(start: Any) -> None:
    optimizer = start(f'hear(); {READY}; hear(); say({{"type": "wait"}}); hear(); say({{"type": "exhausted"}}); hear()')
    assert optimizer.ask() is None
    with pytest.raises(SearchSpaceExhausted):
        optimizer.ask()


def test_dies_with_its_last_lines(start: Any) -> None:
    optimizer = start(f'hear(); {READY}; hear(); sys.exit("no more\\nideas")')
    assert complaint(optimizer.ask).endswith("ended with exit code 1; its last lines:\nno more\nideas")


def test_dies_at_its_start(start: Any) -> None:
    assert "ModuleNotFoundError: No module named 'nowhere'" in complaint(lambda: start("import nowhere"))


def test_dies_before_it_is_told(start: Any) -> None:
    optimizer = start(f"hear(); {READY}; hear(); {PROPOSE}; os.kill(os.getpid(), 9)")
    trial = optimizer.ask()
    optimizer._child._process.wait()
    with pytest.raises(RemoteError, match="was killed by SIGKILL"):
        for _ in range(2):  # what is told goes into the pipe, or not
            optimizer.tell(trial, Result(losses=(1.0,)))
            optimizer.ask()


def test_hangs(start: Any) -> None:
    optimizer = start(f"hear(); {READY}; hear(); print('thinking', file=sys.stderr); time.sleep(60)", timeout=1.0)
    assert complaint(optimizer.ask) == (
        "the optimizer's process gave no answer to 'ask' within 1 s; its last lines:\nthinking"
    )


def test_does_not_read(start: Any) -> None:
    optimizer = start(f"hear(); {READY}; time.sleep(60)", timeout=1.0)
    huge = Result(status=Status.CRASHED, losses=(1.0,), error="e" * 2**20)
    told = complaint(lambda: optimizer.tell(Trial({"x": 0.5}, id=0), huge))
    assert told == "the optimizer's process did not read 'tell' within 1 s"


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("print('hello', flush=True)", "is not JSON: 'hello'"),
        ("print('[1]', flush=True)", "not an object with a type: '[1]'"),
        ("print('{\"type\": 3}', flush=True)", "not an object with a type"),
        ("os.write(1, bytes([255, 254, 10]))", "is not JSON"),
        ("print('[' * 100000, flush=True)", "is not JSON: '[[["),
        ('print(\'{"type": "propose", "candidate": {"x": NaN}}\', flush=True)', "is not JSON"),
        ('print(\'{"type": "propose", "candidate": {"x": 1e999}}\', flush=True)', "'x' is not a text, finite number"),
        ('say({"type": "propose", "candidate": {"x": [1]}})', "'x' is not a text, finite number"),
        ('say({"type": "propose"})', "has no object 'candidate'"),
        ('say({"type": "propose", "candidate": {"x": 1}, "fidelity": "high"})', "'fidelity' is not a number"),
        ('say({"type": "propose", "candidate": {"x": 1}, "parent": 0.5})', "'parent' is not a candidate_id"),
        ('say({"type": "ready"})', "answered 'ready' to 'ask'"),
        ('say({"type": "error", "message": "the matrix is singular"})', "reports: the matrix is singular"),
        ("print('x' * (2**24 + 2**17), flush=True)", "an answer of more than 16,777,216 bytes"),
    ],
)
def test_talks_nonsense(start: Any, answer: str, expected: str) -> None:
    optimizer = start(f"hear(); {READY}; hear(); {answer}; hear()")
    assert expected in complaint(optimizer.ask)


def test_speaks_another_version(start: Any) -> None:
    told = complaint(lambda: start('hear(); say({"type": "ready", "protocol_version": 2}); hear()'))
    assert "speaks version 2 of the protocol" in told


def test_speaks_without_being_asked(start: Any) -> None:
    optimizer = start(f"hear(); {READY}; {PROPOSE}; print('said', file=sys.stderr); hear(); hear()")
    deadline = time.monotonic() + 10
    while not optimizer._child._errors and time.monotonic() < deadline:
        optimizer._child._wait(0.0)
    assert "answered 'propose' without being asked" in complaint(optimizer.ask)


def test_an_error_after_what_was_told_ends_the_run(start: Any) -> None:
    report = 'say({"type": "error", "message": "no fit"})'
    optimizer = start(f"hear(); {READY}; hear(); {PROPOSE}; hear(); {report}")
    optimizer.tell(optimizer.ask(), Result(losses=(1.0,)))
    assert "reports: no fit" in complaint(optimizer.ask)


def test_blank_lines_and_a_flood_on_stderr_do_no_harm(start: Any) -> None:
    flood = "for i in range(40): sys.stderr.write(('%d ' % i) * 20000 + chr(10))"
    optimizer = start(f"hear(); {READY}\nwhile hear():\n  {flood}\n  print(flush=True); {PROPOSE}")
    for _ in range(3):
        assert optimizer.ask() == Trial({"x": 0.5})
    assert len(optimizer._child._errors) <= 2**14


def test_huge_answers_are_heard(start: Any) -> None:
    optimizer = start(f'hear(); {READY}; hear(); say({{"type": "propose", "candidate": {{"x": "x" * 10**6}}}}); hear()')
    assert len(optimizer.ask().config["x"]) == 10**6


def test_a_program_that_is_not_there(tmp_path: Path) -> None:
    def start() -> RemoteOptimizer:
        return RemoteOptimizer(
            problem(), 0, command=("./nothing",), folder=tmp_path, variables={}, options={}, timeout=10
        )

    assert "can't start './nothing': No such file or directory" in complaint(start)


def test_half_a_surrogate_pair_comes_back_as_it_was(start: Any) -> None:
    propose = "say({'type': 'propose', 'candidate': {'x': '\\ud800'}})"
    optimizer = start(f"hear(); {READY}; hear(); {propose}; print(hear(), file=sys.stderr)")
    trial = optimizer.ask()
    optimizer.tell(Trial(trial.config, id=0), Result(status=Status.INVALID, losses=(1.0,), error="x is '\ud800'"))
    assert "'candidate': {'x': '\\ud800'}" in complaint(optimizer.ask)


def test_closes_its_stdout(start: Any) -> None:
    optimizer = start(f"hear(); {READY}; hear(); os.close(1); time.sleep(60)")
    assert complaint(optimizer.ask) == "the optimizer's process closed its stdout"


def test_a_whole_program_in_the_command_is_no_file() -> None:
    class Long(CommandOptimizer):
        command = ("python3", "-c", "pass\n" * 1000, "")

    assert source_files(Long) == {}


def test_what_it_started_ends_with_it(start: Any) -> None:
    optimizer = start(
        f"import subprocess; other = subprocess.Popen(['sleep', '60']); hear(); {READY}; hear();"
        'say({"type": "propose", "candidate": {"x": other.pid}}); time.sleep(60)'
    )
    other = psutil.Process(optimizer.ask().config["x"])
    optimizer._child.close()
    other.wait(5)
    assert not other.is_running()


def test_ends_when_the_optimizer_is_dropped(start: Any) -> None:
    optimizer = start(f"hear(); {READY}; hear()")
    child = psutil.Process(optimizer._child._process.pid)
    del optimizer
    assert not child.is_running()


def test_a_forked_copy_leaves_it_alone(start: Any) -> None:
    optimizer = start(f"hear(); {READY}\nwhile hear(): {PROPOSE}")
    pid = os.fork()
    if not pid:
        optimizer._child.close()
        os._exit(0)
    os.waitpid(pid, 0)
    assert optimizer.ask() == Trial({"x": 0.5})


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux kills a child with its parent")
def test_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    (tmp_path / "child.py").write_text(f"{HEAD}hear(); {READY}\nwhile True: pass")
    (tmp_path / "parent.py").write_text(
        "import sys, time\n"
        "from pathlib import Path\n"
        "from ConfigSpace import ConfigurationSpace\n"
        "from optathlon import Problem\n"
        "from optathlon.remote import RemoteOptimizer\n"
        "one = RemoteOptimizer(Problem(ConfigurationSpace({'x': (0.0, 1.0)})), 0, options={}, timeout=30,\n"
        "    command=(sys.executable, '-S', 'child.py'), folder=Path.cwd(), variables={})\n"
        "print(one._child._process.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "parent.py"], cwd=tmp_path, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        parent.send_signal(signal.SIGKILL)
        child.wait(10)
    assert not child.is_running()


PLUGIN = """
import sys
from optathlon import Capability, Problem
from optathlon.remote import CommandOptimizer
from optathlon.remote.adapters import Timeout
class Broken(CommandOptimizer):
    command = (sys.executable, "-S", "broken.py")
class Sound(CommandOptimizer):
    command = (sys.executable, "-S", "sound.py")
    def __init__(self, problem: Problem, seed: int, *, value: float = 0.5, timeout: Timeout = 60.0) -> None:
        self.options = {"value": value}
        super().__init__(problem, seed, timeout=timeout)
"""
SOUND = """
message = hear()
value = message["options"]["value"]
names = [one["name"] for one in message["problem"]["space"]]
say({"type": "ready"})
while (message := hear())["type"] != "finish":
    if message["type"] == "ask":
        say({"type": "propose", "candidate": dict.fromkeys(names, value)})
"""


def test_a_run_crashes_alone_with_the_last_lines(tmp_path: Path, in_process: Any) -> None:
    (tmp_path / "methods.py").write_text(PLUGIN)
    (tmp_path / "sound.py").write_text(HEAD + SOUND)
    (tmp_path / "broken.py").write_text(f"{HEAD}hear(); {READY}; hear(); sys.exit('out of ideas')")
    plugin = tmp_path / "methods.py"
    out = tmp_path / "out"
    done = in_process(
        "run", "-o", f"{plugin}:Broken", "-o", f"{plugin}:Sound[value=0.25]", "-t", "bbob/f1/d2/i1",
        "--budget", 5, "--out", out,
    )  # fmt: skip
    assert "2 runs" in done.stdout and "1 crashed, 1 ok" in done.stdout
    assert "out of ideas" in done.stdout
    (tmp_path / "sound.py").write_text(f"# edited\n{HEAD + SOUND}")
    again = in_process("run", "-o", f"{plugin}:Sound[value=0.25]", "-t", "bbob/f1/d2/i1", "--budget", 5, "--out", out)
    assert again.returncode == 0, "what a process has loaded first counts"


def test_the_command_s_files_are_its_source(tmp_path: Path, command: Any) -> None:
    (tmp_path / "methods.py").write_text(PLUGIN)
    (tmp_path / "sound.py").write_text(HEAD + SOUND)
    arguments = ("run", "-o", "methods.py:Sound", "-t", "bbob/f1/d2/i1", "--budget", 3)
    assert command(*arguments, cwd=tmp_path).returncode == 0
    (tmp_path / "sound.py").write_text(f"# edited\n{HEAD + SOUND}")
    refused = command(*arguments, cwd=tmp_path)
    assert refused.returncode != 0 and "its source changed" in refused.stderr


HYPARA = """
import random
random.seed(1)
space = []
while True:
    message = hear()
    if message["type"] == "init":
        assert message["protocol_version"] == 1 and message["problem"]["objective"] == "maximize"
        space, random_state = message["problem"]["space"], random.Random(message["optimizer_seed"])
        say({"type": "ready"})
    elif message["type"] == "ask":
        candidate = {}
        for one in space:
            condition = one.get("condition")
            if condition and candidate.get(condition["param"]) not in condition["equals"]:
                continue
            if one["type"] == "categorical":
                candidate[one["name"]] = random_state.choice(one["choices"])
            elif one["type"] == "int":
                candidate[one["name"]] = random_state.randint(one["low"], one["high"])
            else:
                candidate[one["name"]] = random_state.uniform(one["low"], one["high"])
        say({"type": "propose", "candidate": candidate})
    elif message["type"] == "tell":
        assert message["valid"] and message["score"] <= 0 and message["candidate"] == candidate
    else:
        break
"""


def test_a_method_written_for_hypara_runs(start: Any) -> None:
    optimizer = start(HYPARA)
    for number in range(5):
        trial = optimizer.ask()
        optimizer.tell(Trial(trial.config, id=number), Result(values=(1.0,), losses=(trial.config["x"] ** 2,)))


def node_checks() -> list[Check]:
    return optimizer_checks(f"{EXAMPLES / 'hill_climber.py'}:HillClimber")


@pytest.mark.skipif(shutil.which("node") is None, reason="the example is in JavaScript, and node is not there")
def test_the_example_in_javascript_conforms() -> None:
    for check in node_checks():
        check()
