"""`gptoss fit`, budgets, and what is kept between runs, as a person meets them."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.test_cli import output, refused, run


def test_fit_shows_what_takes_memory() -> None:
    shown = output("fit", "--memory", "2G")
    for part in ("weights", "keys and values", "buffers", "all of it", "it fits"):
        assert part in shown


def test_fit_says_what_would_fit_instead() -> None:
    done = run("fit", "--memory", "200M", "--json")
    assert done.returncode == 1
    facts = json.loads(done.stdout)
    assert facts["fits"] is False
    assert facts["bytes"]["total"] > facts["budget"] == 200 << 20
    assert all(way["total"] <= facts["budget"] for way in facts["ways"])
    fitting = json.loads(output("fit", "--memory", "1G", "--json"))
    assert fitting["fits"]
    assert [way["kv"] for way in fitting["ways"]][:2] == ["bf16", "int8"]


def test_fit_says_by_how_much_nothing_fits() -> None:
    done = run("fit", "--memory", "100M")
    assert done.returncode == 1
    assert "iB too much" in done.stdout
    assert "nothing fits; the least, which takes" in done.stdout
    facts = json.loads(run("fit", "--memory", "100M", "--json").stdout)
    assert facts["ways"] == []
    assert facts["least"]["max_batch"] == 1
    assert facts["least"]["total"] > facts["budget"]


def test_what_fit_says_fits_does() -> None:
    """With the options that it names, and no others."""
    facts = json.loads(run("fit", "--memory", "280M", "--json").stdout)
    assert facts["ways"]
    for way in facts["ways"]:
        options = ("--weights", way["weights"], "--kv", way["kv"], "--context", str(way["context"]))
        batch = ("--max-batch", str(way["max_batch"]))
        again = json.loads(output("fit", "--memory", "280M", *options, *batch, "--json"))
        assert again["bytes"]["total"] <= facts["budget"]


def test_a_budget_that_is_too_small_is_refused_with_the_numbers() -> None:
    said = refused("chat", "Hello", "--memory", "100M")
    assert "need" in said
    assert "the budget is 100.0 MiB" in said


def test_bad_sizes_and_types() -> None:
    assert "wanted a size like 16G" in refused("fit", "--memory", "much")
    assert "got KV cache type 'fp8'" in refused("chat", "Hello", "--kv", "fp8")
    assert "wanted 1 to 4096" in refused("fit", "--context", "100000")


def test_prefixes_are_kept_between_runs(tmp_path: Path) -> None:
    question = ("chat", "What is 3 + 4?", "--json", "--temperature", "0", "--seed", "1")
    kept = ("--prefix-cache", str(tmp_path))
    first = json.loads(output(*question, *kept))
    second = json.loads(output(*question, *kept))
    assert first["usage"]["cached_tokens"] == 0
    assert second["usage"]["cached_tokens"] == first["usage"]["prompt_tokens"] - 1
    assert second["content"] == first["content"]
    (file,) = tmp_path.iterdir()
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    done = run(*question, *kept)
    assert done.returncode == 0
    assert "it is damaged" in done.stderr
    assert json.loads(done.stdout)["content"] == first["content"]
    assert json.loads(output(*question, *kept))["usage"]["cached_tokens"] > 0


def test_a_folder_for_prefixes_that_cannot_be_made() -> None:
    said = refused("chat", "Hello", "--prefix-cache", "/proc/no")
    assert "cannot write /proc/no/" in said
    assert said.count("\n") == 1


def test_no_reasoning_and_stop_strings() -> None:
    question = ("chat", "What is 3 + 4?", "--json", "--temperature", "0")
    reply = json.loads(output(*question, "--reasoning-tokens", "0"))
    assert reply["reasoning"] == ""
    assert reply["content"]
    assert reply["reasoning_cut"]
    stopped = json.loads(
        output(*question, "--reasoning-tokens", "0", "--stop", reply["content"][-1])
    )
    assert reply["content"].startswith(stopped["content"])
    assert len(stopped["content"]) < len(reply["content"])


def test_bench_of_several_sequences() -> None:
    result = json.loads(
        output("bench", "--prefill", "16", "--decode", "4", "--batch", "3", "--json")
    )
    assert result["batch"] == 3
    assert result["decode_tokens_per_s"] > 0
