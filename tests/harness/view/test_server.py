"""What the view's server answers, to whom, and that it writes nothing where it reads."""

from __future__ import annotations

import importlib.util
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from stored_runs import record, spec, store
from viewing import Viewing, viewing

from optathlon import Status
from optathlon.installation import as_installed
from optathlon.results.folder import ResultsFolder
from optathlon.results.planned import store_experiment

pytest.importorskip("starlette", reason="the extra 'view' is not installed")
pytest.importorskip("uvicorn", reason="the extra 'view' is not installed")

InProcess = Callable[..., SimpleNamespace]
Start = Callable[..., "subprocess.Popen[str]"]


def filled(path: Path) -> ResultsFolder:
    """Four runs of ten that are planned, one of which failed."""
    folder = store(path, [(spec(seed), [record(0)]) for seed in range(3)])
    store(path, [(spec(3), [record(0)])], status=Status.TIMEOUT)
    store_experiment(folder, "seeds: 10\n", [spec(seed) for seed in range(10)])
    return folder


def content(path: Path) -> dict[str, tuple[int, int]]:
    return {str(one): (one.stat().st_mtime_ns, one.stat().st_size) for one in path.rglob("*")}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> ResultsFolder:
    return filled(tmp_path_factory.mktemp("view") / "out")


@pytest.fixture(scope="module")
def view(start_command: Start, folder: ResultsFolder) -> Iterator[Viewing]:
    with viewing(start_command, folder.path) as found:
        yield found
    assert found.process.returncode == 0
    assert found.said == ["the view has ended; the experiment goes on by itself"]


@pytest.mark.processes
@pytest.mark.smoke
def test_the_state_is_that_of_the_folder_and_nothing_is_written(view: Viewing, folder: ResultsFolder) -> None:
    before = content(folder.path)
    state = view.state()
    assert (state["planned"], state["done"], state["left"], state["failed"]) == (10, 4, 6, 1)
    assert state["statuses"] == {"ok": 3, "timeout": 1}
    assert state["commands"]["resume"] == f"optathlon resume {folder.path}"
    assert state["commands"]["retry"] == f"optathlon retry {folder.path} --status timeout"
    assert [(one["name"], one["planned"], one["done"], one["failed"]) for one in state["optimizers"]] == [
        ("random", 10, 4, 1)
    ]
    assert (sum(state["history"]["ok"]), sum(state["history"]["other"])) == (3, 1)
    (failure,) = state["failures"]
    assert (failure["status"], failure["count"], failure["run"]) == ("timeout", 1, "random on toy/plain with seed 3")
    assert view.ask(f"/{view.token}/").status == 200
    assert content(folder.path) == before


@pytest.mark.processes
def test_only_who_knows_the_token_and_names_this_machine_is_answered(view: Viewing) -> None:
    other = ("A" if view.token[0] != "A" else "B") + view.token[1:]
    for path in ("/", "/state", f"/{other}/", f"/{other}/state", f"/{view.token[:-1]}/state", "//state", "/%00/state"):
        assert view.ask(path).status == 404, path
    state = f"/{view.token}/state"
    for host in ("evil.example", f"evil.example:{view.port}", "", "127.0.0.1.evil.example", "[::1]"):
        assert view.ask(state, Host=host).status == 400, host
    for host in (f"localhost:{view.port}", f"127.0.0.1:{view.port}", "localhost"):
        assert view.ask(state, Host=host).status == 200, host
    assert "evil" not in str(view.ask(f"/{view.token}", Host="evil.example").headers)


@pytest.mark.processes
def test_it_listens_on_this_machine_only(view: Viewing) -> None:
    listening = [
        one.laddr for one in psutil.Process(view.process.pid).net_connections("inet") if one.status == "LISTEN"
    ]
    assert [(one.ip, one.port) for one in listening] == [("127.0.0.1", view.port)]


@pytest.mark.processes
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_nothing_can_be_changed(view: Viewing, method: str) -> None:
    for path in ("", "state", "page.js", "report/"):
        assert view.ask(f"/{view.token}/{path}", method).status in (404, 405), path


@pytest.mark.processes
@pytest.mark.parametrize("above", ["../", "..%2f", "%2e%2e/", "%2e%2e%2f", "....//", "/", "..%5c", "%252e%252e%252f"])
def test_no_path_leads_out(view: Viewing, folder: ResultsFolder, above: str) -> None:
    for start in ("", "report/", "report"):
        for target in ("etc/passwd", str(folder.path / "optathlon.json"), "optathlon.json", "server.py"):
            answer = view.ask(f"/{view.token}/{start}{above * 8}{target}")
            assert answer.status == 404, (start, target)
            assert "root:" not in answer.content  # type: ignore[attr-defined]


@pytest.mark.processes
def test_answers_are_for_this_page_only(view: Viewing) -> None:
    for path in ("", "state", "page.js", "page.css"):
        headers = view.ask(f"/{view.token}/{path}").headers
        assert headers["cache-control"] == "no-store"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["x-content-type-options"] == "nosniff"
        assert "access-control-allow-origin" not in headers
    policy = view.ask(f"/{view.token}/").headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy


@pytest.mark.processes
def test_a_folder_that_vanishes_and_comes_back_is_told_once(start_command: Start, tmp_path: Path) -> None:
    folder = filled(tmp_path / "out")
    with viewing(start_command, folder.path, TMPDIR=str(tmp_path)) as view:
        assert view.state()["complaint"] == ""
        folder.path.rename(tmp_path / "away")
        view.wait_for(lambda state: state["complaint"], "a complaint")
        state = view.state()
        assert f"the results folder '{folder.path}' is gone" in state["complaint"]
        assert "put it back" in state["complaint"] and "Ctrl-C" in state["complaint"]
        assert "\n" not in state["complaint"]
        assert state["done"] == 4, "what was known is still shown"
        answer = view.ask(f"/{view.token}/report", "POST")
        assert answer.status == 202
        view.wait_for(lambda state: state["report"]["building"] is None, "the end of the report")
        assert "no results folder" in view.state()["report"]["complaint"]
        assert view.ask(f"/{view.token}/report/").status == 404
        (tmp_path / "away").rename(folder.path)
        view.wait_for(lambda state: not state["complaint"], "the end of the complaint")
    assert [line for line in view.said if str(folder.path) in line] == [
        f"optathlon: {state['complaint']}",
        f"optathlon: '{folder.path}' can be read again: the view goes on",
    ]
    assert view.process.returncode == 0
    assert not list(tmp_path.glob("optathlon-view-*")), "nothing is left behind"


@pytest.mark.processes
def test_the_first_run_may_come_later(start_command: Start, tmp_path: Path) -> None:
    folder = ResultsFolder.create(tmp_path / "out")
    with viewing(start_command, folder.path) as view:
        state = view.state()
        assert (state["done"], state["planned"], state["complaint"]) == (0, None, "")
        filled(folder.path)
        view.wait_for(lambda state: state["done"] == 4, "the runs")


@pytest.mark.parametrize(
    ("results", "complaint"), [("none", "no results folder"), ("file", "no results folder"), ("", "is not a results")]
)
def test_what_is_no_results_folder_is_refused(
    in_process: InProcess, tmp_path: Path, results: str, complaint: str
) -> None:
    (tmp_path / "file").touch()
    refused = in_process("view", tmp_path / results)
    assert (refused.returncode, refused.stderr.count("\n"), complaint in refused.stderr) == (2, 1, True)


def test_a_port_that_is_taken_is_refused(in_process: InProcess, folder: ResultsFolder) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refused = in_process("view", folder.path, "--port", port)
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
    assert f"can't use the port {port}: another program has it: give another --port" in refused.stderr
    assert in_process("view", folder.path, "--port", 70000).returncode == 2


def test_a_missing_library_is_told_with_what_installs_it(
    in_process: InProcess, folder: ResultsFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name == "uvicorn" else find(name, *rest)
    )
    refused = in_process("view", folder.path)
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
    remedy = as_installed("pip install 'optathlon[view]'")
    assert f"needs the package 'uvicorn': {remedy}" in refused.stderr
