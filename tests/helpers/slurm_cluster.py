"""A SLURM of this machine alone, without accounting, as Debian's `slurm-wlm` comes: a controller and two nodes.

It needs `apt-get install slurm-wlm munge`. Run as a program, it stays up until it is interrupted, and prints the
environment in which `sbatch` and its like talk to it.
"""

from __future__ import annotations

import getpass
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue")
NODES = ("n1", "n2")
_SEARCHED = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
_START_S = 30.0

_CONFIGURATION = """\
ClusterName=tests
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=bf_interval=1,sched_interval=1
SlurmdTimeout=10
KillWait=5
MinJobAge={forgets_after}
ReturnToService=2
NodeName=n1 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[1]} CPUs=2 RealMemory=500
NodeName=n2 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[2]} CPUs=2 RealMemory=500
PartitionName=all Nodes=n1,n2 Default=YES MaxTime=INFINITE State=UP
"""


def missing() -> str:
    """Which program is not installed; empty where all are."""
    absent = [program for program in PROGRAMS if shutil.which(program, path=_SEARCHED) is None]
    return f"no {absent[0]}: apt-get install slurm-wlm munge" if absent else ""


@dataclass
class Cluster:
    """A SLURM that runs; `environment` is what its commands need."""

    folder: Path
    environment: Mapping[str, str]
    _daemons: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def ask(self, *command: str) -> str:
        """What a command such as `squeue` prints."""
        return subprocess.run(
            command, env=os.environ | self.environment, capture_output=True, text=True, check=True, timeout=30
        ).stdout

    def start(self, name: str, *command: str) -> None:
        """Start a daemon that stays in the foreground."""
        program = shutil.which(command[0], path=_SEARCHED)
        assert program is not None
        log = (self.folder / f"{name}.out").open("ab")
        with log:
            self._daemons[name] = subprocess.Popen(
                [program, *command[1:]],
                env=os.environ | self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def stop(self, name: str) -> None:
        """End a daemon as a failure of its machine would."""
        daemon = self._daemons.pop(name)
        daemon.kill()
        daemon.wait()

    def stop_all(self) -> None:
        """End the daemons, the last one first."""
        for name in reversed(list(self._daemons)):
            self.stop(name)


@contextmanager
def slurm_cluster(forgets_after: int = 300) -> Iterator[Cluster]:
    """Within this block there is a SLURM, which forgets jobs so many seconds after their end (2 at least)."""
    with TemporaryDirectory(prefix="slurm-") as name, ExitStack() as stack:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "state").mkdir()
        host = socket.gethostname().partition(".")[0]
        configuration = folder / "slurm.conf"
        configuration.write_text(
            _CONFIGURATION.format(
                folder=folder, host=host, user=getpass.getuser(), ports=_free_ports(3), forgets_after=forgets_after
            )
        )
        key = folder / "munge.key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o400)
        cluster = Cluster(folder, {"SLURM_CONF": str(configuration)})
        stack.callback(cluster.stop_all)
        files = {"socket": "socket", "key-file": "key", "pid-file": "pid", "log-file": "log", "seed-file": "seed"}
        cluster.start(
            "munged", "munged", "-F", "-f", *(f"--{flag}={folder}/munge.{end}" for flag, end in files.items())
        )
        _wait_for((folder / "munge.socket").exists, "munged", folder)
        cluster.start("slurmctld", "slurmctld", "-D", "-i")
        for node in NODES:
            (folder / node).mkdir()
            cluster.start(node, "slurmd", "-D", "-N", node)
        _wait_for(lambda: _idle(cluster) == len(NODES), "nodes", folder)
        yield cluster
        subprocess.run(["scancel", "--user", getpass.getuser()], env=os.environ | cluster.environment, check=False)
        _wait_for(lambda: not cluster.ask("squeue", "--noheader").strip(), "the end of the jobs", folder)


def _idle(cluster: Cluster) -> int:
    try:
        return cluster.ask("sinfo", "--noheader", "--Node", "--states=idle").count("\n")
    except subprocess.CalledProcessError:
        return 0


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def _wait_for(condition: Callable[[], bool], what: str, folder: Path) -> None:
    deadline = time.monotonic() + _START_S
    while not condition():
        if time.monotonic() > deadline:
            logs = "\n".join(
                f"{log}: {log.read_text(errors='replace')[-1500:]}" for log in folder.glob("*.[lo][ou][gt]")
            )
            raise TimeoutError(f"no {what} within {_START_S:g} s\n{logs}")
        time.sleep(0.2)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with slurm_cluster() as running:
        for variable, value in running.environment.items():
            print(f"export {variable}={value}", flush=True)
        with suppress(KeyboardInterrupt):
            sys.stdin.read()
