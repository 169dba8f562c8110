"""The default level leaves cases of wide tests out, and no value of their parameters."""

from __future__ import annotations

import pytest

pytest_plugins = ["pytester"]

_CONFTEST = """
import pytest
from tests import levels

levels.register_profiles()

@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    levels.mark_wide(items)
"""
_TESTS = r"""
import pytest
from hypothesis import given, settings, strategies
from tests.levels import examples

@pytest.mark.wide(7)
@pytest.mark.parametrize("one", [0, 1, 2, 3])
@pytest.mark.parametrize("other", [4, 5, 6])
def test_product(one, other):
    print("\nproduct", one, other)

@pytest.mark.wide(4)
@pytest.mark.parametrize("case", range(9))
def test_cases(case):
    print("\ncase", case)

@settings(max_examples=examples(200))
@given(strategies.integers())
def test_examples(number):
    print("\nexample")
"""


def run(pytester: pytest.Pytester, *arguments: str) -> list[list[str]]:
    """What the tests say that are run so."""
    pytester.makeini("[pytest]\nmarkers =\n  wide\n  thorough\n")
    pytester.makeconftest(_CONFTEST)
    pytester.makepyfile(_TESTS)
    done = pytester.runpytest_subprocess("-s", "-p", "no:xdist", *arguments)
    assert done.ret == 0
    words = (line.replace(".", "").split() for line in done.outlines)
    return [each for each in words if each and each[0] in ("product", "case", "example")]


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch, pytestconfig: pytest.Config) -> None:
    monkeypatch.setenv("PYTHONPATH", str(pytestconfig.rootpath))


def test_by_default_one_in_so_many_and_every_value(pytester: pytest.Pytester) -> None:
    said = run(pytester, "-m", "not thorough")
    products = [(one, other) for name, *rest in said if name == "product" for one, other in [rest]]
    assert 2 <= len(products) <= 7
    assert {one for one, _ in products} == set("0123")
    assert {other for _, other in products} == set("456")
    assert [rest for name, *rest in said if name == "case"] == [["0"], ["4"], ["8"]]
    assert sum(name == "example" for name, *_ in said) == 25


def test_all_at_the_thorough_level(pytester: pytest.Pytester) -> None:
    said = run(pytester, "--hypothesis-profile", "thorough")
    assert sum(name == "product" for name, *_ in said) == 12
    assert sum(name == "case" for name, *_ in said) == 9
    assert sum(name == "example" for name, *_ in said) == 200
