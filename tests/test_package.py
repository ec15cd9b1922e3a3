"""What is installed: the wheel and the sdist hold what belongs there, and every `pip install` in the docs works."""

import re
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
TEXTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), ROOT / "src" / "sparekey" / "cli" / "init.py"]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Build both, as an installer does."""
    wheel = pytest.importorskip("hatchling.builders.wheel", reason="hatchling is not installed")
    sdist = pytest.importorskip("hatchling.builders.sdist", reason="hatchling is not installed")
    folder = str(tmp_path_factory.mktemp("dist"))
    made = next(wheel.WheelBuilder(str(ROOT)).build(directory=folder, versions=["standard"]))
    packed = next(sdist.SdistBuilder(str(ROOT)).build(directory=folder))
    with zipfile.ZipFile(made) as file, tarfile.open(packed) as archive:
        return file.namelist(), archive.getnames()


def test_the_wheel_holds_the_package_and_nothing_else(built):
    """Every file of the package, the examples that `explain` reads, no test, no tool, nothing stray."""
    names = {name for name in built[0] if not name.startswith("sparekey-")}
    files = (file for file in (ROOT / "src" / "sparekey").rglob("*") if file.is_file() and "__pycache__" not in file.parts)
    examples = {f"sparekey/classify/examples/{file.name}" for file in (ROOT / "data" / "errors").iterdir() if file.is_file()}
    assert names == {str(file.relative_to(ROOT / "src")) for file in files} | examples
    assert {Path(name).suffix for name in names} <= {
        ".py",
        ".pyi",
        ".typed",
        "",
        ".tsv",
        ".bin",
        ".js",
        ".css",
        ".svg",
        ".html",
        ".json",
        ".jsonl",
    }


def test_the_sdist_holds_what_is_needed_to_build_and_test_it(built):
    """And nothing of this machine."""
    names = {name.partition("/")[2] for name in built[1]} - {""}
    assert {"pyproject.toml", "README.md", "LICENSE", "PKG-INFO", "src/sparekey/py.typed", "tests/conftest.py", "docs/cli.md"} <= names
    tops = {name.partition("/")[0] for name in names}
    pages = {file.name for file in ROOT.glob("*.md")}
    folders = {"src", "tests", "tools", "data", "docs", "bench"}
    assert tops <= {*folders, *pages, "pyproject.toml", "constraints.txt", "Makefile", "LICENSE", "PKG-INFO", ".gitignore"}
    assert not [name for name in names if re.search(r"__pycache__|\.pyc$|\.orig$|\.rej$|node_modules|\.peers|\.venv", name)]


@pytest.mark.parametrize("file", TEXTS, ids=lambda file: file.name)
def test_every_installation_in_the_docs_is_one_that_works(file):
    """Sparekey is installed from its source, and its extras are there."""
    for what in re.findall(r"pip install (?:--\S+ )*'([^']+)'", file.read_text()):
        place, _, extras = what.rstrip("]").partition("[")
        assert place in {".", "/usr/src/sparekey", "openviking"}, what
        assert set(filter(None, extras.split(","))) <= EXTRAS.keys(), what


def test_what_the_readme_installs_has_metrics():
    """`/metrics` and row K15 of the drill need Prometheus' client."""
    assert any(one.startswith("prometheus-client") for one in EXTRAS["gateway"])
