"""Commands that look like those of SLURM."""

from __future__ import annotations

FAKE_SLURM = '''#!{python}
"""sbatch, srun, scontrol, squeue, sacct and scancel, in a few lines; there is no accounting."""
import os, re, subprocess, sys
from pathlib import Path

name, arguments, state = Path(sys.argv[0]).name, sys.argv[1:], Path(os.environ["FAKE_SLURM"])

if name == "sbatch":
    text = Path(arguments[0]).read_text()
    (state / "script").write_text(text)
    quiet = {{"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}}
    last = int(re.search(r"--array='?0-(\\d+)", text)[1])
    for index in range(0 if "FAKE_SLURM_IS_BUSY" in os.environ else last + 1):
        ids = {{"SLURM_ARRAY_JOB_ID": "77", "SLURM_ARRAY_TASK_ID": str(index), "SLURM_JOB_ID": str(78 + index)}}
        again = state / f"requeue-77_{{index}}"
        loop = f"bash {{arguments[0]}}; while rm {{again}} 2>/dev/null; do bash {{arguments[0]}}; done"
        task = subprocess.Popen(["bash", "-c", loop], env=os.environ | ids, **quiet)
        (state / f"task-{{task.pid}}").touch()
    print("Submitted batch job 77")
elif name == "srun":
    marks = {{"%A": os.environ["SLURM_ARRAY_JOB_ID"], "%a": os.environ["SLURM_ARRAY_TASK_ID"], "%t": "0"}}
    out, err = (re.sub("%[Aat]", lambda mark: marks[mark[0]], arguments[place]) for place in (2, 4))
    assert (arguments[1], arguments[3]) == ("--output", "--error")
    with open(out, "a") as out, open(err, "a") as err:
        sys.exit(subprocess.call(arguments[5:], stdout=out, stderr=err))
elif name == "scontrol":
    (state / f"requeue-{{arguments[1]}}").touch()
elif name == "squeue":
    states = state / "states"
    print(states.read_text() if states.exists() else "\\n".join(f"77_{{index}}|RUNNING|None" for index in range(9)))
elif name == "sacct":
    with (state / "accounted").open("a") as file:
        print(*arguments, file=file)
    sys.exit("Slurm accounting storage is disabled")
else:
    with (state / "cancelled").open("a") as file:
        print(*arguments, file=file)
'''
