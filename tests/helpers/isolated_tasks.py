"""A plugin: tasks that hang, leak, exit, crash or fork, and optimizers that do."""

from __future__ import annotations

PLUGIN = '''
import ctypes
import faulthandler
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from ConfigSpace import ConfigurationSpace

from optathlon import Budget, Collection, Problem, Resources, Result, Task, as_task
from optathlon.optimizers.random import RandomSearch

SPACE = {"x": (0.0, 1.0), "n": (1, 9)}


def isolated(name, **limits):
    return as_task(f"iso/{name}", space=SPACE, budget=4, resources=Resources(isolated=True, **limits))


@isolated("fine")
def fine(config, seed):
    print("all is well")
    metrics = {"test/pid": os.getpid(), "test/n": config["n"]}
    return Result((config["x"] + seed / 2**32,), metrics=metrics, cost=config["x"])


@isolated("hangs", seconds=1.0)
def hangs(config):
    print("about to hang", flush=True)
    time.sleep(60)


@isolated("hangs_in_c", seconds=0.4)
def hangs_in_c(config):
    ctypes.PyDLL(None).sleep(60)  # holds the interpreter lock


@isolated("late", seconds=0.4)
def late(config):
    time.sleep(0.6)
    return config["x"]


@isolated("leaks", memory=300 * 2**20)
def leaks(config):
    hoard = []
    while True:
        hoard.append(bytearray(8 * 2**20))
        time.sleep(0.005)


@isolated("child_leaks", memory=300 * 2**20)
def child_leaks(config):
    subprocess.run([sys.executable, "-c", "import time; x = bytearray(500 * 2**20); time.sleep(60)"])


@isolated("exits")
def exits(config):
    print("last words", flush=True)
    os._exit(7)


@isolated("leaves")
def leaves(config):
    sys.exit("no more")


@isolated("segfaults")
def segfaults(config):
    ctypes.string_at(0)


@isolated("raises")
def raises(config):
    raise ValueError("never")


@isolated("shares", memory=600 * 2**20)
def shares(config):
    hoard = bytearray(300 * 2**20)
    children = []
    for _ in range(4):
        pid = os.fork()
        if pid == 0:
            assert sum(hoard[:: 4096]) == 0
            time.sleep(1.6)
            os._exit(0)
        children.append(pid)
    for pid in children:
        os.waitpid(pid, 0)
    return config["x"]


@isolated("where")
def where(config):
    import tempfile

    inside = tempfile.gettempdir() == os.path.dirname(os.readlink("/proc/self/fd/1"))
    return Result((0.0,), metrics={"inside": float(inside)})


@isolated("out_of_memory")
def out_of_memory(config):
    raise MemoryError


@isolated("locks")
def locks(config):
    import multiprocessing

    kept.append(multiprocessing.RLock())
    return config["x"]


kept = []


@isolated("forks")
def forks(config):
    os.fork()
    return config["x"]


@isolated("leaves_a_child", memory=300 * 2**20)
def leaves_a_child(config):
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
    with open(os.environ["ISO_CHILD"], "w") as file:
        file.write(str(child.pid))
    leaks(config)


def seeing_cores(config):
    threads = int(os.environ["OMP_NUM_THREADS"])
    return Result((0.0,), metrics={"cores": len(os.sched_getaffinity(0)), "threads": threads})


bound = as_task("iso/bound", space=SPACE, budget=1, resources=Resources(cpus=1))(seeing_cores)
wide = as_task("iso/wide", space=SPACE, budget=1, resources=Resources(cpus=2))(seeing_cores)


def on_gpu(name, amount):
    def evaluate(config):
        began = time.time()
        time.sleep(0.15)
        gpus = [int(gpu) for gpu in os.environ["CUDA_VISIBLE_DEVICES"].split(",")]
        return Result((0.0,), metrics={"gpu": gpus[0], "number": len(gpus), "began": began, "ended": time.time()})

    return as_task(f"gpu/{name}", space=SPACE, budget=2, resources=Resources(gpus=amount))(evaluate)


half = on_gpu("half", 0.5)
two = on_gpu("two", 2)


@as_task("slow/echo", space=SPACE, budget=12)
def echo(config):
    time.sleep(0.01)
    return config["x"]


class Dies(Task):
    """Dies when it is asked for its fingerprint."""

    resources = Resources(isolated=True)
    problem = None

    def __init__(self):
        self.id = "probe/dies"
        self.problem = Problem(ConfigurationSpace(SPACE), budget=Budget(3))

    def evaluate(self, config, *, fidelity, seed):
        return Result((config["x"],))

    def fingerprint(self):
        os._exit(9)


class Probes(Collection):
    name = "probe"
    description = "Dies on probes."

    def ids(self):
        yield "probe/dies"

    def make(self, id):
        return Dies()


@as_task("slow/sleeps", space=SPACE, budget=8)
def sleeps(config):
    time.sleep(0.2)
    return config["x"]


@as_task("slow/meets", space=SPACE, budget=8)
def meets(config):
    "Ends when four trials have begun."
    folder = Path(__file__).parent / "begun"
    folder.mkdir(exist_ok=True)
    (folder / str(config["x"])).touch()
    for _ in range(6000):
        if len(list(folder.iterdir())) >= 4:
            return config["x"]
        time.sleep(0.01)


@as_task("slow/dies", space=SPACE, budget=60, resources=Resources(isolated=True))
def dies(config):
    with open(os.environ["ISO_CHILD"], "w") as file:
        file.write(str(os.getpid()))
    time.sleep(0.05)
    return config["x"]


class Stuck(RandomSearch):
    """Never comes back from its fourth ask."""

    def __init__(self, problem, seed):
        super().__init__(problem, seed)
        self.asked = 0

    def ask(self):
        self.asked += 1
        if self.asked == 4:
            self.hang()
        return super().ask()

    def hang(self):
        time.sleep(600)


class Swallowing(Stuck):
    """Swallows whatever should end it."""

    def hang(self):
        while True:
            try:
                time.sleep(600)
            except BaseException:
                pass


class Dying(Stuck):
    """Dies in its fourth ask."""

    def hang(self):
        faulthandler.disable()  # pytest's would print
        os.kill(os.getpid(), signal.SIGSEGV)
'''
