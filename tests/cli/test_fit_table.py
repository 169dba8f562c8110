"""The table of the guide on models is what `gptoss fit` says of the released shapes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gptoss.cli.main import app
from gptoss.model.synth import checkpoint_bytes, gpt_oss_20b
from tests.model.sparse_model import gpt_oss_120b, write_sparse

GUIDE = Path(__file__).parents[2] / "docs" / "models.md"
MACHINES = [
    ("a laptop of 16 GB, one conversation", "gpt-oss-20b", "13G", 1),
    ("a desktop of 24 GB, one conversation", "gpt-oss-20b", "21G", 1),
    ("a server of 64 GB, 16 requests at once", "gpt-oss-20b", "60G", 16),
    ("a server of 128 GB, 16 requests at once", "gpt-oss-120b", "120G", 16),
]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The released shapes, in files that take no room."""
    folder = tmp_path_factory.mktemp("models")
    write_sparse(folder / "gpt-oss-20b", gpt_oss_20b())
    write_sparse(folder / "gpt-oss-120b", gpt_oss_120b())
    return folder


def fit(*arguments: str) -> dict[str, object]:
    done = CliRunner().invoke(app, ["fit", "--json", *arguments])
    facts: dict[str, object] = json.loads(done.stdout)
    return facts


def rows(models: Path) -> list[str]:
    """Of each machine the most exact ways, down to the first with the whole context."""
    found = [
        "| | `gptoss fit --model` | it fits with | context | in memory |",
        "|---|---|---|---|---|",
    ]
    for machine, model, memory, batch in MACHINES:
        options = f"--memory {memory} --max-batch {batch}"
        facts = fit("--model", str(models / model), *options.split())
        ways = facts["ways"]
        assert isinstance(ways, list)
        for way in ways:
            found.append(
                f"| {machine} | `{model} {options}` | `--weights {way['weights']} --kv {way['kv']}` | "
                f"{way['context']:,} | {way['total'] / 2**30:.1f} GiB |"
            )
            if way["context"] == 131_072:
                break
    return found


def test_the_guide_s_table(models: Path) -> None:
    table = "\n".join(rows(models))
    wanted = f"<!-- fit -->\n{table}\n<!-- end of fit -->"
    assert wanted in GUIDE.read_text("utf-8"), f"the guide should have:\n{wanted}"


def test_what_the_guides_say_of_the_disk(models: Path) -> None:
    facts = fit("--model", str(models / "gpt-oss-20b"))
    assert f"{facts['packed_bytes'] / 1e9:.1f} GB" == "11.4 GB"  # type: ignore[operator]
    assert f"{checkpoint_bytes(gpt_oss_20b()) / 1e9:.1f} GB" == "13.8 GB"
    # What the guide's answer about hardware says.
    for model, least in (("gpt-oss-20b", 12.3), ("gpt-oss-120b", 59.9)):
        way = fit("--model", str(models / model), "--memory", "1G")["least"]
        assert isinstance(way, dict)
        assert (way["context"], round(way["total"] / 2**30, 1)) == (4096, least)
        assert str(least) in GUIDE.read_text("utf-8")
    assert 64e9 < checkpoint_bytes(gpt_oss_120b()) < 66e9
    shown = CliRunner().invoke(app, ["fit", "--model", str(models / "gpt-oss-20b")]).stdout
    assert "on the disk, from the first start on       11.4 GB" in shown
