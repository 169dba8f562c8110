"""Damaged, hostile and foreign checkpoints end in one line that says what to do."""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gptoss.errors import CheckpointError, ConfigError, GptossError, OutputError
from gptoss.model.checkpoint import open_checkpoint
from gptoss.model.checkpoint_files import INDEX
from gptoss.model.config import Config
from gptoss.model.layouts import PACKED
from gptoss.model.rope import inverse_frequencies
from gptoss.model.safetensors import SafetensorsFile
from gptoss.model.safetensors_writer import write_arrays
from gptoss.model.synth import gpt_oss_20b, write_checkpoint
from tests.levels import examples
from tests.model.random_model import LAYOUTS, SMALL, RandomModel, original_config

MODEL = RandomModel.of(SMALL, 0)
Tensors = dict[str, tuple[str, Any]]


def refusal(directory: Path) -> str:
    """The message of the error, which must be one short line."""
    with pytest.raises(GptossError) as caught:
        open_checkpoint(directory)
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 600
    return message


def rewritten(directory: Path, change: Callable[[Tensors], object]) -> Path:
    tensors = MODEL.named(PACKED)
    change(tensors)
    MODEL.write(directory, PACKED)
    write_arrays(directory / "model.safetensors", tensors)
    return directory


SOME = "model.layers.1.mlp.router.weight"
BLOCKS = "model.layers.0.mlp.experts.gate_up_proj_blocks"


class TestFiles:
    def test_no_folder(self, tmp_path: Path) -> None:
        assert "there is no folder" in refusal(tmp_path / "none")

    def test_empty_folder(self, tmp_path: Path) -> None:
        assert "holds no weights" in refusal(tmp_path)

    def test_file_instead_of_folder(self, tmp_path: Path) -> None:
        MODEL.write(tmp_path, PACKED)
        assert "wanted the folder" in refusal(tmp_path / "model.safetensors")

    def test_pickles_are_never_opened(self, tmp_path: Path) -> None:
        (tmp_path / "config.json").write_text("{}")
        (tmp_path / "pytorch_model.bin").write_bytes(pickle.dumps({"a": 1}))
        assert "safetensors" in refusal(tmp_path)
        assert "safetensors" in refusal(tmp_path / "pytorch_model.bin")

    def test_no_config(self, tmp_path: Path) -> None:
        MODEL.write(tmp_path, PACKED)
        (tmp_path / "config.json").unlink()
        assert "config.json" in refusal(tmp_path)

    def test_shard_of_the_index_is_missing(self, tmp_path: Path) -> None:
        MODEL.write(tmp_path, PACKED)
        (tmp_path / "model.safetensors").rename(tmp_path / "model-00000-of-00001.safetensors")
        index = {"weight_map": {SOME: "model-00000-of-00001.safetensors", "x": "b.safetensors"}}
        (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
        assert "lacks 1 of 2 files" in refusal(tmp_path)

    @pytest.mark.parametrize(
        "name",
        [
            *("../evil.safetensors", "../../etc/passwd", "/etc/passwd", "a.bin", 3, None, ["a"]),
            *("a\0.safetensors", "a\n.safetensors", "\ud800.safetensors", ".", ".."),
            "a" * 300 + ".safetensors",
        ],
    )
    def test_index_leads_elsewhere(self, tmp_path: Path, name: object) -> None:
        MODEL.write(tmp_path, PACKED)
        (tmp_path / "model.safetensors").unlink()
        index = tmp_path / "model.safetensors.index.json"
        index.write_text(json.dumps({"weight_map": {SOME: name}}))
        assert "is not the name of a safetensors file" in refusal(tmp_path)

    def test_wrong_stop_ids_are_told_of_the_file_that_has_them(self, tmp_path: Path) -> None:
        MODEL.write(tmp_path, PACKED)
        generation = tmp_path / "generation_config.json"
        generation.write_text(json.dumps({"eos_token_id": [1, -1]}))
        said = refusal(tmp_path)
        assert f"{generation}: got eos_token_id = [1, -1]" in said
        assert "take the generation_config.json that was published" in said
        generation.write_text(json.dumps({"eos_token_id": None}))
        assert open_checkpoint(tmp_path).config.eos_token_ids == MODEL.config.eos_token_ids
        generation.write_text(json.dumps({"eos_token_id": [1, 2]}))
        assert open_checkpoint(tmp_path).config.eos_token_ids == (1, 2)

    @pytest.mark.parametrize("kind", ["FIFO", "folder", "device", "dangling link", "huge"])
    @pytest.mark.parametrize(
        "name", ["config.json", "generation_config.json", "x.safetensors", INDEX]
    )
    def test_what_is_no_file_is_not_waited_for(self, tmp_path: Path, name: str, kind: str) -> None:
        MODEL.write(tmp_path, PACKED)
        if name.endswith("safetensors") or name == INDEX:
            (tmp_path / "model.safetensors").unlink()
        path = tmp_path / name
        path.unlink(missing_ok=True)
        match kind:
            case "FIFO":
                os.mkfifo(path)
            case "folder":
                path.mkdir()
            case "device":
                path.symlink_to("/dev/zero")
            case "dangling link":
                path.symlink_to("nothing")
            case "huge":
                path.touch()
                os.truncate(path, 1 << 42)
        assert name in refusal(tmp_path)

    def test_a_name_too_long_for_the_system(self, tmp_path: Path) -> None:
        assert "File name too long" in refusal(tmp_path / ("a" * 300))

    def test_links_are_followed(self, tmp_path: Path) -> None:
        """Folders of downloaded models often consist of nothing else."""
        whole = MODEL.write(tmp_path / "blobs", PACKED)
        (tmp_path / "model").mkdir()
        for path in whole.iterdir():
            (tmp_path / "model" / path.name).symlink_to(Path("..") / "blobs" / path.name)
        assert open_checkpoint(tmp_path / "model").config == SMALL

    def test_more_files_than_can_be_opened(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        MODEL.write(tmp_path, PACKED)
        content = (2).to_bytes(8, "little") + b"{}"
        (tmp_path / "model.safetensors").unlink()
        for number in range(100):
            (tmp_path / f"{number}.safetensors").write_bytes(content)
        used = len(os.listdir("/proc/self/fd"))
        resource.setrlimit(resource.RLIMIT_NOFILE, (used + 50, hard))
        try:
            assert "Too many open files" in refusal(tmp_path)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    def test_shards_and_index_read_as_one(self, tmp_path: Path) -> None:
        tensors = MODEL.named(PACKED)
        names = sorted(tensors)
        weight_map = {}
        for number, part in enumerate((names[::2], names[1::2])):
            file = f"model-{number:05}-of-00001.safetensors"
            write_arrays(tmp_path / file, {name: tensors[name] for name in part})
            weight_map.update(dict.fromkeys(part, file))
        index = tmp_path / "model.safetensors.index.json"
        index.write_text(json.dumps({"weight_map": weight_map}))
        (tmp_path / "config.json").write_text(json.dumps(SMALL.to_dict()))
        found = open_checkpoint(tmp_path).weights.layers[1].experts.router.weight
        np.testing.assert_array_equal(found, tensors[SOME][1])


class TestTensors:
    def test_missing(self, tmp_path: Path) -> None:
        message = refusal(rewritten(tmp_path, lambda tensors: tensors.pop(SOME)))
        assert f"1 tensors are missing ({SOME})" in message

    def test_unexpected(self, tmp_path: Path) -> None:
        extra = ("F32", np.zeros(3, np.float32))
        message = refusal(rewritten(tmp_path, lambda tensors: tensors.update(evil=extra)))
        assert "1 are unexpected (evil)" in message

    def test_wrong_shape(self, tmp_path: Path) -> None:
        wrong = ("BF16", np.zeros((3, 64), np.uint16))
        message = refusal(rewritten(tmp_path, lambda tensors: tensors.update({SOME: wrong})))
        assert f"{SOME} is BF16 [3, 64], wanted BF16 [4, 64]" in message

    def test_wrong_dtype(self, tmp_path: Path) -> None:
        wrong = ("F32", np.zeros((4, 64), np.float32))
        message = refusal(rewritten(tmp_path, lambda tensors: tensors.update({SOME: wrong})))
        assert f"{SOME} is F32 [4, 64], wanted BF16 [4, 64]" in message

    def test_other_layers_than_the_config(self, tmp_path: Path) -> None:
        MODEL.write(tmp_path, PACKED)
        data = SMALL.to_dict() | {"num_hidden_layers": 3}
        data.pop("layer_types")
        (tmp_path / "config.json").write_text(json.dumps(data))
        assert "3 layers" in refusal(tmp_path)

    def test_packed_weights_without_their_quantisation(self, tmp_path: Path) -> None:
        MODEL.write(tmp_path, PACKED)
        data = SMALL.to_dict()
        del data["quantization_config"]
        (tmp_path / "config.json").write_text(json.dumps(data))
        assert "no quantization_config" in refusal(tmp_path)

    def test_a_sparse_file_does_not_take_memory(self, tmp_path: Path) -> None:
        """Its maker writes a header; norms and biases would be made of its holes."""
        data = SMALL.to_dict() | {"num_local_experts": 65536, "intermediate_size": 65536}
        (tmp_path / "config.json").write_text(json.dumps(data))
        entries, end = {}, 0
        for spec in PACKED.specs(Config.from_dict(data)):
            begin, end = end, end + spec.num_bytes
            entries[spec.name] = {
                "dtype": spec.dtype,
                "shape": spec.shape,
                "data_offsets": [begin, end],
            }
        header = json.dumps(entries).encode()
        path = tmp_path / "model.safetensors"
        path.write_bytes(len(header).to_bytes(8, "little") + header)
        os.truncate(path, 8 + len(header) + end)
        assert "norms and biases take" in refusal(tmp_path)

    def test_names_are_shown_as_text(self, tmp_path: Path) -> None:
        evil = {"\x1b[31m\n" + "x" * 10**5: ("U8", np.zeros(1, np.uint8))}
        message = refusal(rewritten(tmp_path, lambda tensors: tensors.update(evil)))
        assert message.replace(str(tmp_path), "").isprintable()

    def test_vectors_may_be_float32(self, tmp_path: Path) -> None:
        name = "model.norm.weight"
        values = np.linspace(0, 1, 64, dtype=np.float32)
        rewritten(tmp_path, lambda tensors: tensors.update({name: ("F32", values)}))
        np.testing.assert_array_equal(open_checkpoint(tmp_path).weights.norm, values)


class TestConfig:
    @pytest.mark.parametrize(
        ("change", "said"),
        [
            ({"model_type": "llama"}, "model_type = 'llama', wanted 'gpt_oss'"),
            ({"quantization_config": {"quant_method": "gptq"}}, "quant_method = 'gptq'"),
            ({"hidden_size": 100}, "hidden_size = 100, wanted a multiple of 32"),
            ({"hidden_size": -64}, "hidden_size = -64"),
            ({"hidden_size": "64"}, "hidden_size = '64'"),
            ({"num_hidden_layers": 10**9}, "num_hidden_layers = 1000000000"),
            ({"num_experts_per_tok": 9}, "num_experts_per_tok = 9, wanted at most 4"),
            ({"rope_scaling": None}, "rope_scaling"),
            ({"attention_bias": False}, "attention_bias = False, wanted True"),
            ({"layer_types": ["full_attention"]}, "layer_types"),
            ({"eos_token_id": 10**6}, "eos_token_id"),
            ({"vocab_size": 2**31}, "vocab_size = 2147483648"),
            ({"num_local_experts": 2**20}, "num_local_experts = 1048576"),
            ({"head_dim": 0}, "head_dim = 0"),
            ({"max_position_embeddings": 2**40}, "max_position_embeddings = 1099511627776"),
            ({"rope_theta": 0}, "rope_theta = 0, wanted a number from 2 to 1e+30"),
            ({"rope_theta": 1e300}, "rope_theta = 1e+300"),
            ({"rms_norm_eps": 5e-324}, "rms_norm_eps = 5e-324"),
            ({"swiglu_limit": True}, "swiglu_limit = True"),
        ],
    )
    def test_what_is_no_gpt_oss(self, tmp_path: Path, change: dict[str, object], said: str) -> None:
        MODEL.write(tmp_path, PACKED)
        (tmp_path / "config.json").write_text(json.dumps(SMALL.to_dict() | change))
        assert said in refusal(tmp_path)

    @pytest.mark.parametrize("text", ["", "[]", "{", '{"a": NaN}', '{"a":1,"a":2}', "\xff"])
    def test_what_is_no_json(self, tmp_path: Path, text: str) -> None:
        MODEL.write(tmp_path, PACKED)
        (tmp_path / "config.json").write_bytes(text.encode("latin-1"))
        assert "cannot be read" in refusal(tmp_path)

    def test_both_spellings_say_the_same(self, tmp_path: Path) -> None:
        configs = [
            open_checkpoint(MODEL.write(tmp_path / name, layout)).config
            for name, layout in LAYOUTS.items()
        ]
        assert configs[0].rope == configs[1].rope == configs[2].rope
        assert {config.sliding_window for config in configs} == {SMALL.sliding_window}

    def test_survives_its_own_file(self) -> None:
        config = gpt_oss_20b()
        data = config.to_dict() | {"eos_token_id": list(config.eos_token_ids)}
        assert Config.from_dict(json.loads(json.dumps(data))) == config

    def test_a_context_without_end(self) -> None:
        data = original_config(SMALL) | {"rope_scaling_factor": 1e30}
        with pytest.raises(ConfigError, match="max_position_embeddings = 128000"):
            Config.from_dict(data)

    @settings(max_examples=examples(300), deadline=None)
    @given(st.data())
    def test_any_rotary_embedding_that_is_taken_has_numbers(self, data: st.DataObject) -> None:
        numbers = st.floats(1e-30, 1e30) | st.sampled_from([1e-30, 1.0, 1.0 + 2**-52, 32.0, 1e30])
        rope = SMALL.to_dict()["rope_scaling"] | {  # type: ignore[operator]
            "beta_slow": data.draw(numbers),
            "beta_fast": data.draw(numbers),
            "factor": data.draw(numbers),
            "original_max_position_embeddings": data.draw(st.integers(1, 2**31)),
        }
        fields = SMALL.to_dict() | {"rope_scaling": rope, "rope_theta": data.draw(numbers)}
        with contextlib.suppress(ConfigError):
            config = Config.from_dict(fields)
            # Warnings are errors here.
            assert np.isfinite(inverse_frequencies(config.rope, config.head_dim)).all()

    @settings(max_examples=examples(200), deadline=None)
    @given(st.data())
    def test_any_value_of_any_key(self, data: st.DataObject) -> None:
        fields = SMALL.to_dict()
        key = data.draw(st.sampled_from(sorted(fields)))
        scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
        nested = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3), max_leaves=5)
        with contextlib.suppress(ConfigError):
            Config.from_dict(fields | {key: data.draw(nested)})


class TestHeader:
    """The safetensors header is parsed by us."""

    @pytest.fixture(scope="class")
    @classmethod
    def content(cls, tmp_path_factory: pytest.TempPathFactory) -> bytes:
        directory = MODEL.write(tmp_path_factory.mktemp("whole"), PACKED)
        return (directory / "model.safetensors").read_bytes()

    def opened(self, directory: Path, content: bytes) -> None:
        path = directory / "x.safetensors"
        path.write_bytes(content)
        SafetensorsFile(path)

    @pytest.mark.parametrize("keep", [0, 7, 8, 100, 5000, -1])
    def test_truncated(self, tmp_path: Path, content: bytes, keep: int) -> None:
        with pytest.raises(CheckpointError, match=r"x\.safetensors"):
            self.opened(tmp_path, content[:keep])

    @pytest.mark.parametrize(
        ("entry", "said"),
        [
            ({"dtype": "BF16", "shape": [4], "data_offsets": [0, 9]}, "needs 8"),
            ({"dtype": "BF16", "shape": [-4], "data_offsets": [0, 8]}, "wanted up to 8 sizes"),
            ({"dtype": "BF16", "shape": [2**62, 4], "data_offsets": [0, 8]}, "needs"),
            ({"dtype": "XX", "shape": [4], "data_offsets": [0, 8]}, "unknown dtype"),
            ({"dtype": "BF16", "shape": [4], "data_offsets": [8, 0]}, "offsets"),
            ({"dtype": "BF16", "shape": [4], "data_offsets": [8, 16]}, "leaves a gap"),
            ({"dtype": "BF16", "shape": [4], "data_offsets": [0, 8], "x": 1}, "or has more"),
            ({"dtype": "BF16", "shape": [True], "data_offsets": [0, 2]}, "sizes"),
            ([], "no dtype"),
        ],
    )
    def test_hostile_entry(self, tmp_path: Path, entry: object, said: str) -> None:
        header = json.dumps({"a": entry}).encode()
        content = len(header).to_bytes(8, "little") + header + bytes(8)
        with pytest.raises(CheckpointError, match=said):
            self.opened(tmp_path, content)

    @pytest.mark.parametrize(
        "text",
        [
            *(b"", b"[]", b"\xff", b"[" * 10**6, b'{"a":' * 500 + b"1" + b"}" * 500),
            *(b'{"__metadata__":[]}', b'{"__metadata__":{"a":1}}', b'{"__metadata__":null}'),
            b'{"a":[' + b"[]," * 2**21 + b"[]]}",
            b'{"a":{},"b":{},"a":{}}',
        ],
    )
    def test_what_is_no_header(self, tmp_path: Path, text: bytes) -> None:
        with pytest.raises(CheckpointError) as caught:
            self.opened(tmp_path, len(text).to_bytes(8, "little") + text)
        assert len(str(caught.value)) < 500

    @pytest.mark.parametrize("length", [2**63, 2**64 - 1, 2**24 + 1, 10**6])
    def test_header_longer_than_the_file(self, tmp_path: Path, length: int) -> None:
        with pytest.raises(CheckpointError, match="header claims"):
            self.opened(tmp_path, length.to_bytes(8, "little") + b"{}")

    @settings(
        max_examples=examples(300),
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )
    @given(at=st.integers(0, 4000), byte=st.integers(0, 255))
    def test_any_changed_byte(self, tmp_path: Path, content: bytes, at: int, byte: int) -> None:
        changed = bytearray(content)
        changed[at] = byte
        with contextlib.suppress(CheckpointError):
            self.opened(tmp_path, bytes(changed))


class TestSynth:
    def test_exact_size_of_the_released_files(self) -> None:
        assert sum(spec.num_bytes for spec in PACKED.specs(gpt_oss_20b())) == 13_761_264_768

    def test_written_checkpoint_opens_and_repeats(self, tmp_path: Path) -> None:
        written = []
        for name in "ab":
            done: list[int] = []
            files = {"note.txt": b"hello"}
            write_checkpoint(tmp_path / name, SMALL, seed=3, files=files, advance=done.append)
            assert (tmp_path / name / "note.txt").read_bytes() == b"hello"
            assert sum(done) == open_checkpoint(tmp_path / name).num_bytes
            written.append((tmp_path / name / "model-00000-of-00000.safetensors").read_bytes())
        assert written[0] == written[1]

    def test_a_folder_with_files_is_left_alone(self, tmp_path: Path) -> None:
        MODEL.write(tmp_path, PACKED)
        before = (tmp_path / "model.safetensors").read_bytes()
        with pytest.raises(OutputError, match="is not empty; choose a new folder"):
            write_checkpoint(tmp_path, SMALL)
        assert (tmp_path / "model.safetensors").read_bytes() == before

    def test_an_interrupted_run_leaves_nothing(self, tmp_path: Path) -> None:
        def interrupt(_: int) -> None:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            write_checkpoint(tmp_path / "model", SMALL, advance=interrupt)
        assert list(tmp_path.iterdir()) == []

    def test_unwritable_folder_leaves_nothing(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(OutputError, match="cannot write"):
            write_checkpoint(tmp_path / "file" / "inner", SMALL)
        assert [path.name for path in tmp_path.iterdir()] == ["file"]
