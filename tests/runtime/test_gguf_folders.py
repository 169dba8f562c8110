"""Folders that other programs fill: gpt-oss models in them are found, and nothing in them does harm."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gptoss.runtime import gguf_folders
from gptoss.runtime.gguf_folders import gpt_oss_files, llama_cpp_folders, lm_studio_folders
from tests.runtime.other_programs import foreign_file, gguf_file


def found(folder: Path) -> list[str]:
    return [str(path.relative_to(folder)) for path in gpt_oss_files(folder)]


def test_gpt_oss_alone(tmp_path: Path) -> None:
    gguf_file(tmp_path / "publisher" / "model" / "a.gguf")
    foreign_file(tmp_path / "publisher" / "model" / "b.gguf")
    (tmp_path / "c.gguf").write_bytes(b"GGUF, or so it says")
    (tmp_path / "d.gguf.part").write_bytes((tmp_path / "publisher/model/a.gguf").read_bytes())
    assert found(tmp_path) == ["publisher/model/a.gguf"]


def test_several_files_are_one_model(tmp_path: Path) -> None:
    for number in (2, 1, 3):
        gguf_file(tmp_path / f"a-{number:05}-of-00003.gguf")
    gguf_file(tmp_path / "a-00001-of-00002.gguf")
    assert found(tmp_path) == ["a-00001-of-00002.gguf", "a-00001-of-00003.gguf"]


def test_links_are_followed_and_end(tmp_path: Path) -> None:
    gguf_file(tmp_path / "elsewhere" / "a.gguf")
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "back").symlink_to(folder)
    (folder / "self").symlink_to(folder / "self")
    (folder / "gone.gguf").symlink_to(folder / "nowhere")
    assert found(folder) == ["link/a.gguf"]


def test_what_cannot_be_read_is_left_out(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.gguf")
    (tmp_path / "b.gguf").mkdir()
    assert found(tmp_path) == []
    assert found(tmp_path / "nowhere") == []
    assert found(tmp_path / "a.gguf" / "x") == []


def test_neither_deep_nor_endless(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gguf_file(tmp_path / "a/b/c/d/x.gguf")
    gguf_file(tmp_path / "a/b/c/d/e/y.gguf")
    assert found(tmp_path) == ["a/b/c/d/x.gguf"]
    monkeypatch.setattr(gguf_folders, "_MOST_ENTRIES", 3)
    assert found(tmp_path) == []


def test_where_they_lie(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.setattr(gguf_folders.sys, "platform", "linux")
    monkeypatch.delenv("LLAMA_CACHE")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert llama_cpp_folders() == [Path("/home/me/.cache/llama.cpp")]
    assert lm_studio_folders()[0] == Path("/home/me/.lmstudio/models")
    monkeypatch.setenv("XDG_CACHE_HOME", "/big")
    assert llama_cpp_folders() == [Path("/big/llama.cpp")]
    monkeypatch.setenv("LLAMA_CACHE", "/models")
    assert llama_cpp_folders() == [Path("/models")]
