"""Virtual environments for libraries that can't be installed beside the others: made, listed, checked and removed.

Each is a folder `NAME` in `environments_root()`, with a record of what was installed, `optathlon.json`. The record is
written last: an environment without it is not finished, and counts as missing.
"""

from __future__ import annotations

import configparser
import fcntl
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from optathlon.data import data_root
from optathlon.environment import Environment
from optathlon.errors import MissingEnvironment, OptathlonError, UsageError, storage_errors

ENVIRONMENT_VARIABLE = "OPTATHLON_ENVIRONMENTS"
RECORD = "optathlon.json"

CPU_TORCH = "https://download.pytorch.org/whl/cpu"
"""Where PyTorch publishes its builds for the CPU."""

_CUDA = re.compile(r"(nvidia-|triton$|cuda-)")
"""What a build of torch for GPUs brings."""
_VERSIONS = """
import json, platform
from importlib.metadata import distributions
found = {one.metadata["Name"]: one.version for one in distributions() if one.metadata["Name"]}
print(json.dumps({"python": platform.python_version(), "packages": found}))
"""
_TOLD_LINES = 15

Say = Callable[[str], object]


@dataclass(frozen=True)
class Made:
    """An environment that is there.

    Attributes
    ----------
    name:
        What users call it.
    folder:
        Where it is.
    requirements:
        What it was made for.
    python_version:
        Of its Python.
    packages:
        The distributions in it with their versions.
    """

    name: str
    folder: Path
    requirements: tuple[str, ...]
    python_version: str
    packages: Mapping[str, str]

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return _python(self.folder)

    def versions(self) -> dict[str, str]:
        """The versions of what it was made for, by distribution."""
        found = {normalized(name): version for name, version in self.packages.items()}
        wanted = [normalized(re.split(r"[^\w.-]", requirement)[0]) for requirement in self.requirements]
        return {name: found[name] for name in wanted if name in found}


def environments_root() -> Path:
    """Where environments are: `$OPTATHLON_ENVIRONMENTS`, else `environments` in the data folder."""
    if chosen := os.environ.get(ENVIRONMENT_VARIABLE):
        return Path(chosen).expanduser().absolute()
    return data_root().absolute() / "environments"


def made(environment: Environment) -> Made:
    """The environment as it is there; `MissingEnvironment` in one line where it is not, or not the one meant."""
    found = read(environment.name)
    remedy = f"optathlon env create {environment.name}"
    if found is None:
        raise MissingEnvironment(f"the environment {environment.name!r} is not there: {remedy}")
    if found.requirements != environment.requirements:
        raise MissingEnvironment(f"the environment {environment.name!r} has other versions than are needed: {remedy}")
    if not found.python.exists():
        raise MissingEnvironment(f"the environment {environment.name!r} has lost its Python: {remedy}")
    return found


def missing(environment: Environment | None) -> str:
    """Why an optimizer's environment can't be used, with the command that makes it; empty where it can."""
    if environment is not None:
        try:
            made(environment)
        except MissingEnvironment as error:
            return str(error)
    return ""


def read(name: str) -> Made | None:
    """The environment of that name that is there; `None` where it is not, or not finished."""
    folder = environments_root() / name
    try:
        record = json.loads((folder / RECORD).read_text())
        return Made(name, folder, tuple(record["requirements"]), record["python"], record["packages"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def all_made() -> list[Made]:
    """The environments that are there, by name."""
    try:
        names = sorted(entry.name for entry in environments_root().iterdir() if entry.is_dir())
    except OSError:
        return []
    return [one for one in map(read, names) if one is not None]


def create(environment: Environment, say: Say) -> Made:
    """Make the environment, or make it again, and say what is being done.

    Where uv is there, it is used; otherwise venv and pip. Raises `UsageError` where there is no fitting Python,
    and `OptathlonError` with the last lines where it can't be made.
    """
    folder = environments_root() / environment.name
    with storage_errors(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
    with _locked(folder, say):
        if (found := read(environment.name)) and not missing(environment):
            say(f"the environment {environment.name!r} is there already: {folder}")
            return found
        _delete(folder)
        uv = shutil.which("uv")
        try:
            (_Uv(uv) if uv else _Pip()).make(folder, environment, say)
            return _recorded(folder, environment)
        except BaseException:  # an interrupt too must not leave half an environment
            _delete(folder)
            raise


def remove(name: str) -> Path:
    """Remove the environment of that name, finished or not; `UsageError` where there is none."""
    root = environments_root()
    folder = root / name
    if not re.fullmatch(r"\w[\w.-]*", name) or not folder.is_dir():
        known = ", ".join(one.name for one in all_made())
        raise UsageError(f"there is no environment {name!r} in {root}" + (f": there are {known}" if known else ""))
    with _locked(folder):
        _delete(folder)
    return folder


def normalized(name: str) -> str:
    """A distribution's name in the form in which names are compared."""
    return re.sub(r"[-_.]+", "-", name).lower()


class _Pip:
    """Makes environments with venv and pip."""

    def make(self, folder: Path, environment: Environment, say: Say) -> None:
        say(f"making {folder} with venv and pip")
        _call([_interpreter(environment), "-m", "venv", str(folder)], "venv")
        own = Path(sys.prefix) / "pip.conf"
        if own.is_file():  # that of the user and of the machine are read anyway
            shutil.copy(own, folder / "pip.conf")
        install = [str(_python(folder)), "-m", "pip", "install", "--disable-pip-version-check"]
        more = []
        if _wants_torch(environment):
            more = _without_cuda(lambda index: self._resolved([*install, *index], environment), environment)
        say(f"installing {', '.join(environment.requirements)}")
        _call([*install, *more, *environment.requirements], "pip")

    @staticmethod
    def _resolved(install: Sequence[str], environment: Environment) -> list[str]:
        report = _call([*install, "--dry-run", "--quiet", "--report", "-", *environment.requirements], "pip")
        return [entry["metadata"]["name"] for entry in json.loads(report)["install"]]


class _Uv:
    """Makes environments with uv, which does not read pip's settings: they are handed to it."""

    def __init__(self, uv: str) -> None:
        self._uv = uv
        self._variables = uv_settings(pip_settings())

    def make(self, folder: Path, environment: Environment, say: Say) -> None:
        say(f"making {folder} with uv")
        python = _interpreter(environment, or_else=environment.pythons[0])
        self._call("venv", "--python", python, str(folder))
        install = ["pip", "install", "--python", str(_python(folder))]
        more = []
        if _wants_torch(environment):
            more = _without_cuda(lambda index: self._resolved([*install, *index], environment), environment)
        say(f"installing {', '.join(environment.requirements)}")
        self._call(*install, *more, *environment.requirements)

    def _resolved(self, install: Sequence[str], environment: Environment) -> list[str]:
        told = self._call(*install, "--dry-run", *environment.requirements)
        return re.findall(r"^ \+ ([\w.-]+)==", told, re.MULTILINE)

    def _call(self, *arguments: str) -> str:
        return _call([self._uv, *arguments], "uv", self._variables, with_errors=True)


def pip_settings() -> dict[str, str]:
    """What the user's pip is told of indexes: its configuration files, the later ones winning, then its variables."""
    home = Path.home()
    folders = [Path(folder) / "pip" for folder in os.environ.get("XDG_CONFIG_DIRS", "/etc/xdg").split(":") if folder]
    user = Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config") / "pip"
    files = [folder / "pip.conf" for folder in (*folders, Path("/etc"), home / ".pip", user, Path(sys.prefix))]
    if (chosen := os.environ.get("PIP_CONFIG_FILE")) is not None:
        files = [] if chosen == os.devnull else [*files, Path(chosen)]
    found: dict[str, str] = {}
    for file in files:
        parser = configparser.RawConfigParser()
        try:
            parser.read(file)
        except (configparser.Error, UnicodeDecodeError):
            continue
        for section in ("global", "install"):
            if parser.has_section(section):
                found |= {key.replace("_", "-"): value.strip() for key, value in parser.items(section)}
    for name, value in os.environ.items():
        if name.startswith("PIP_"):
            found[name.removeprefix("PIP_").lower().replace("_", "-")] = value
    return found


def uv_settings(pip: Mapping[str, str]) -> dict[str, str]:
    """The variables that tell uv what pip's settings say; those that the user has set stay.

    As pip does, uv takes the best version of all indexes; by itself it would look no further than the first that has
    the package.
    """
    words = {
        "index-url": ("UV_DEFAULT_INDEX", " "),
        "extra-index-url": ("UV_INDEX", " "),
        "find-links": ("UV_FIND_LINKS", ","),
        "no-index": ("UV_NO_INDEX", " "),
        "trusted-host": ("UV_INSECURE_HOST", " "),
        "constraint": ("UV_CONSTRAINT", " "),
        "cert": ("SSL_CERT_FILE", " "),
    }
    found = {variable: comma.join(pip[key].split()) for key, (variable, comma) in words.items() if pip.get(key)}
    found["UV_INDEX_STRATEGY"] = "unsafe-best-match"
    return {name: value for name, value in found.items() if name not in os.environ}


def _without_cuda(resolved: Callable[[list[str]], Iterable[str]], environment: Environment) -> list[str]:
    """The further index, if any, with which torch comes in a build for the CPU."""
    index = ["--extra-index-url", CPU_TORCH]
    if not _cuda(resolved([])):
        return []
    try:
        found = _cuda(resolved(index))
    except OptathlonError:  # that index can't be reached
        found = ["a build of torch for GPUs"]
    if found:
        raise OptathlonError(
            f"the environment {environment.name!r} is not made, as it would bring {', '.join(found[:3])}: "
            f"let pip find a build of torch for the CPU, e.g. by PIP_EXTRA_INDEX_URL={CPU_TORCH}"
        )
    return index


def _cuda(names: Iterable[str]) -> list[str]:
    return sorted(name for name in names if _CUDA.match(normalized(name)))


def _wants_torch(environment: Environment) -> bool:
    return any(re.match(r"torch\b(?![\w.-])", requirement) for requirement in environment.requirements)


def _recorded(folder: Path, environment: Environment) -> Made:
    """Write down what is in the environment; `OptathlonError` where that is CUDA."""
    found = json.loads(_call([str(_python(folder)), "-I", "-c", _VERSIONS], "its Python"))
    if cuda := _cuda(found["packages"]):
        raise OptathlonError(
            f"the environment {environment.name!r} is removed again, as it brought {', '.join(cuda[:3])}: "
            f"name torch among its requirements"
        )
    record = {"name": environment.name, "requirements": environment.requirements, "made": time.time(), **found}
    record["packages"] = dict(sorted(found["packages"].items()))
    temporary = folder / f"{RECORD}.tmp"
    with storage_errors(folder):
        temporary.write_text(json.dumps(record, indent=1) + "\n")
        temporary.rename(folder / RECORD)
    return Made(environment.name, folder, environment.requirements, found["python"], record["packages"])


def _interpreter(environment: Environment, or_else: str = "") -> str:
    """A Python that all the requirements have wheels for: this one, if it may be, or one on the path.

    Raises `UsageError` where there is none, unless something else is given for that case.
    """
    own = ".".join(platform.python_version_tuple()[:2])
    if own in environment.pythons:
        return sys._base_executable or sys.executable  # type: ignore[attr-defined]
    for version in environment.pythons:
        program = shutil.which(f"python{version}")
        if program and _works(program, version):
            return program
    if or_else:
        return or_else
    wanted = " or ".join(environment.pythons)
    raise UsageError(
        f"the environment {environment.name!r} needs Python {wanted}, and this is {own}: install it, or uv"
    )


def _works(program: str, version: str) -> bool:
    """Whether it is that version: a launcher may be there without one."""
    try:
        told = _call([program, "-c", "import platform; print(platform.python_version())"], program)
    except OptathlonError:
        return False
    return told.startswith(f"{version}.")


def _python(folder: Path) -> Path:
    return folder / "bin" / "python"


def _call(
    command: Sequence[str], what: str, variables: Mapping[str, str] | None = None, *, with_errors: bool = False
) -> str:
    """What a command prints; `OptathlonError` with its last lines where it fails."""
    unwanted = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "PIP_TARGET", "PIP_PREFIX", "PIP_USER")
    environment = {name: value for name, value in os.environ.items() if name not in unwanted}
    try:
        done = subprocess.run(
            command,
            env=environment | dict(variables or {}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            close_fds=False,  # the lock
        )
    except OSError as error:
        raise OptathlonError(f"can't start {command[0]!r}: {error.strerror}") from None
    if done.returncode:
        lines = [line.strip() for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        raise OptathlonError(f"{what} failed: " + " / ".join(lines[-_TOLD_LINES:]))
    return done.stdout + done.stderr if with_errors else done.stdout


def _delete(folder: Path) -> None:
    """Remove a folder, its record first: what is half removed must not count."""
    with storage_errors(folder):
        (folder / RECORD).unlink(missing_ok=True)
        if folder.is_dir():
            shutil.rmtree(folder)


@contextmanager
def _locked(folder: Path, say: Say = lambda text: None) -> Iterator[None]:
    """Within this block no other process makes or removes that environment.

    What is started meanwhile holds the lock too: an installer may outlive this process, and writes into the folder.
    """
    with storage_errors(folder):
        file = (folder.parent / f".{folder.name}.lock").open("w")
    with file:
        os.set_inheritable(file.fileno(), True)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"waiting for another process that is at work in {folder}")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


__all__ = ["Made", "all_made", "create", "environments_root", "made", "missing", "read", "remove"]
