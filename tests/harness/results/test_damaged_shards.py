"""Files of a shard that were cut, garbled or exchanged are refused, and set aside."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from stored_runs import record, spec, store

from optathlon import load
from optathlon.errors import UsageError
from optathlon.results.damage import set_aside_damaged


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def garble(path: Path) -> None:
    path.write_bytes(b"\xa5" * path.stat().st_size)


def zero_the_end(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2] + bytes(len(content) - len(content) // 2))


def garble_the_footer(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:-40] + b"\xff" * 32 + content[-8:])


@pytest.mark.parametrize("part", ["runs", "trials", "tasks"])
@pytest.mark.parametrize("damage", [cut, empty, garble, zero_the_end, garble_the_footer, Path.unlink])
def test_damaged_shards_are_refused_until_they_are_set_aside(
    tmp_path: Path, part: str, damage: Callable[[Path], None], named_shards: Callable[[Sequence[str]], None]
) -> None:
    if damage is Path.unlink and part != "trials":
        pytest.skip("that is a shard without a commit mark, or one whose task the other shard describes too")
    named_shards(["whole", "harmed"])
    folder = store(tmp_path / "out", [(spec(0), [record(0)])])
    store(folder.path, [(spec(1), [record(0), record(1)])])
    path = folder.path / part / "harmed.parquet"
    damage(path)
    with pytest.raises(UsageError, match=rf"{part}/harmed\.parquet.*damaged.*`optathlon run`.*sets it aside") as caught:
        load(folder.path)
    assert "\n" not in str(caught.value)
    assert set_aside_damaged(folder) == [f"{part}/harmed.parquet"]
    assert set_aside_damaged(folder) == []
    kept = [0, 1] if part == "tasks" else [0]
    assert load(folder.path).runs["seed"].tolist() == kept, "the other shard describes the task too"
    assert not list((folder.path / part).glob("harmed.parquet"))
    assert damage is Path.unlink or (folder.path / part / "harmed.parquet.damaged").exists()


@pytest.mark.parametrize("part", ["runs", "trials"])
def test_damage_within_a_file_is_refused_with_what_to_do(tmp_path: Path, part: str) -> None:
    folder = store(tmp_path / "out", [(spec(seed), [record(0), record(1)]) for seed in range(50)])
    (path,) = (folder.path / part).iterdir()
    content = path.read_bytes()
    path.write_bytes(content[:4] + bytes(300) + content[304:])
    with pytest.raises(UsageError, match=rf"{path.name}.* damaged: repeat the `optathlon run` command, which sets it"):
        load(folder.path)
    assert set_aside_damaged(folder) == [f"{part}/{path.name}"]
    assert len(load(folder.path).runs) == 0, "as the message says, the runs can now be done again"


def test_trials_of_other_runs_are_refused(tmp_path: Path) -> None:
    folder = store(tmp_path / "out", [(spec(0), [record(0)])])
    other = store(tmp_path / "other", [(spec(1), [record(0), record(1)])])
    (mine,), (theirs,) = ((path / "trials").iterdir() for path in (folder.path, other.path))
    theirs.replace(mine)
    with pytest.raises(UsageError, match=rf"{mine.name}.* damaged"):
        load(folder.path)


def test_trials_of_as_many_other_runs_are_refused_too(tmp_path: Path) -> None:
    folder = store(tmp_path / "out", [(spec(0), [record(0)])])
    other = store(tmp_path / "other", [(spec(1), [record(1)])])
    (mine,), (theirs,) = ((path / "trials").iterdir() for path in (folder.path, other.path))
    theirs.replace(mine)
    with pytest.raises(UsageError, match=rf"{mine.name}.* damaged"):
        load(folder.path)


def test_what_is_whole_or_not_yet_committed_is_not_set_aside(tmp_path: Path) -> None:
    folder = store(tmp_path / "out", [(spec(0), [record(0)])])
    (folder.path / "trials" / "coming.parquet").write_bytes(b"half")
    (folder.path / "runs" / ".coming.parquet.1.tmp").write_bytes(b"half")
    before = sorted(folder.path.rglob("*"))
    assert set_aside_damaged(folder) == []
    assert sorted(folder.path.rglob("*")) == before
