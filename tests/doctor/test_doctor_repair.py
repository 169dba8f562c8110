"""A mended copy: nothing of it is invented, nothing of the model's own is touched, and a doctor finds it in order."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import gptoss
from gptoss.errors import OutputError, RequestError
from gptoss.runtime.doctor import Examination, Finding, Level, write_repaired
from tests.doctor.models import ENDS, INDEX, SHARDS, change, publish, wrong_with


def repair(model: Path, folder: Path) -> list[Finding]:
    examination = Examination(model)
    list(examination.of_model())
    assert examination.subject is not None
    return list(write_repaired(examination.subject, examination.findings, folder))


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def spoil_index(model: Path) -> None:
    change(model / INDEX, metadata={"total_size": 1})


def spoil_index_text(model: Path) -> None:
    (model / INDEX).write_text("{")


def lose_index(model: Path) -> None:
    (model / INDEX).unlink()


def spoil_generation(model: Path) -> None:
    change(model / "generation_config.json", eos_token_id=[1017, 13])


def spoil_config(model: Path) -> None:
    change(model / "config.json", eos_token_id=5000)
    (model / "generation_config.json").unlink()


def spoil_all(model: Path) -> None:
    spoil_index(model)
    spoil_generation(model)
    change(model / "config.json", eos_token_id=13)


SPOILED = [
    (spoil_index, {INDEX}),
    (spoil_index_text, {INDEX}),
    (lose_index, {INDEX}),
    (spoil_generation, {"generation_config.json"}),
    (spoil_config, {"config.json"}),
    (spoil_all, {INDEX, "config.json", "generation_config.json"}),
]


@pytest.mark.parametrize(
    ("spoil", "mended"), SPOILED, ids=lambda each: getattr(each, "__name__", "")
)
def test_what_can_be_mended(
    model: Path, tmp_path: Path, spoil: Callable[[Path], None], mended: set[str]
) -> None:
    whole = contents(model)
    spoil(model)
    before, out = contents(model), tmp_path / "mended"
    assert wrong_with(model)
    said = repair(model, out)
    assert {each.level for each in said} == {Level.OK}
    assert [each.name for each in said] == ["new file"] * len(mended) + ["folder"]
    assert contents(model) == before
    assert wrong_with(out) == []
    found = contents(out)
    assert {name for name in found if not (out / name).is_symlink()} == mended
    # What was right before is there again, and nothing beside it is other.
    for name in found:
        if name.endswith("json"):
            assert json.loads(found[name]) == json.loads(whole[name]) or "eos_token_id" in str(
                json.loads(found[name])
            )
        else:
            assert found[name] == whole[name]
    with gptoss.load(out, threads=1) as loaded:
        assert set(loaded.config.eos_token_ids) <= set(ENDS)


def test_other_settings_stay(model: Path, tmp_path: Path) -> None:
    change(model / "generation_config.json", eos_token_id=13, temperature=0.6, note="größer")
    repair(model, tmp_path / "mended")
    found = json.loads((tmp_path / "mended" / "generation_config.json").read_text("utf-8"))
    assert found["eos_token_id"] == list(ENDS)
    assert (found["temperature"], found["note"]) == (0.6, "größer")


def test_nothing_to_mend(model: Path, tmp_path: Path) -> None:
    (said,) = repair(model, tmp_path / "mended")
    assert said.said.startswith("nothing is to be mended")
    assert not (tmp_path / "mended").exists()


def spoil_generation_text(model: Path) -> None:
    (model / "generation_config.json").write_text("{")


def lose_shard(model: Path) -> None:
    (model / SHARDS[0]).unlink()


def cut_shard(model: Path) -> None:
    (model / SHARDS[0]).write_bytes((model / SHARDS[0]).read_bytes()[:-7])


def lose_tokenizer(model: Path) -> None:
    spoil_generation(model)
    (model / "tokenizer.json").unlink()


@pytest.mark.parametrize("spoil", [spoil_generation_text, lose_shard, cut_shard, lose_tokenizer])
def test_what_would_have_to_be_invented(
    model: Path, tmp_path: Path, spoil: Callable[[Path], None]
) -> None:
    spoil(model)
    (said,) = repair(model, tmp_path / "mended")
    assert said.said.startswith("nothing of it can be mended")
    assert not (tmp_path / "mended").exists()


@pytest.mark.parametrize("kind", ["file", "folder", "link"])
def test_nothing_is_written_over(model: Path, tmp_path: Path, kind: str) -> None:
    spoil_generation(model)
    out = tmp_path / "mended"
    match kind:
        case "file":
            out.write_text("mine")
        case "folder":
            out.mkdir()
        case "link":
            out.symlink_to(tmp_path / "nowhere")
    with pytest.raises(RequestError, match="wanted a new folder for --repair"):
        repair(model, out)
    assert not list(tmp_path.glob(".gptoss-*"))


def test_not_into_the_model(model: Path, tmp_path: Path) -> None:
    spoil_generation(model)
    (tmp_path / "link").symlink_to(model)
    for out in (model / "mended", model / "deep" / "mended", tmp_path / "link" / "mended"):
        with pytest.raises(RequestError, match="lies inside the model"):
            repair(model, out)
    assert not list(model.rglob("mended"))


def test_a_folder_that_cannot_be_made(model: Path, tmp_path: Path) -> None:
    spoil_generation(model)
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot write"):
        repair(model, tmp_path / "file" / "mended")


@pytest.mark.parametrize("failing", [1, 2])
def test_a_disk_without_links(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: int
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(1, "no links here")

    spoil_generation(model)
    whole = (model / SHARDS[0]).read_bytes()
    out = tmp_path / "mended"
    with monkeypatch.context() as patched:
        patched.setattr(Path, "symlink_to", refuse)
        if failing == 2:
            patched.setattr(os, "link", refuse)
        said = repair(model, out)[-1].said
    assert ("with copies" if failing == 2 else "with hard links") in said
    assert (out / SHARDS[0]).read_bytes() == whole
    assert os.path.samefile(out / SHARDS[0], model / SHARDS[0]) is (failing == 1)
    assert wrong_with(out) == []


def test_a_run_that_fails_leaves_nothing(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    spoil_generation(model)
    with monkeypatch.context() as patched:
        patched.setattr(Path, "write_bytes", full)
        with pytest.raises(OutputError, match="No space left"):
            repair(model, tmp_path / "mended")
    assert [path.name for path in tmp_path.iterdir()] == ["small"]


def test_what_no_model_needs_is_left_behind(model: Path, tmp_path: Path) -> None:
    publish(model)
    spoil_generation(model)
    for name in ("pytorch_model.bin", "x.incomplete", ".hidden"):
        (model / name).write_bytes(b"x")
    (model / "folder").mkdir()
    os.mkfifo(model / "fifo")
    repair(model, tmp_path / "mended")
    names = {path.name for path in (tmp_path / "mended").iterdir()}
    left = {"pytorch_model.bin", "x.incomplete", ".hidden", "folder", "fifo", "manifest.json"}
    assert names == {path.name for path in model.iterdir()} - left
    # A hash of what it was is no fault of the mended file.
    assert wrong_with(tmp_path / "mended") == []


def test_links_of_links_lead_to_the_files(model: Path, tmp_path: Path) -> None:
    shutil.move(model / SHARDS[0], tmp_path / "blob")
    (model / SHARDS[0]).symlink_to(Path("..", "blob"))
    spoil_generation(model)
    repair(model, tmp_path / "deep" / "mended")
    assert (tmp_path / "deep" / "mended" / SHARDS[0]).readlink() == tmp_path / "blob"
