"""docs/configuration.md: its tables are current, and its configurations and messages are real."""

import re
from pathlib import Path

import pytest

from sparekey import ConfigError, load_config
from sparekey.config.docs import written

PAGE = Path(__file__).parents[2] / "docs" / "configuration.md"
TEXT = PAGE.read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)


def test_the_tables_are_current():
    """`python -m sparekey.config.docs docs/configuration.md` writes them."""
    assert written(TEXT) == TEXT


@pytest.mark.parametrize("example", blocks("toml")[:2])
def test_the_examples_load(example, tmp_path):
    """A chain written as on the page is taken, without its keys being there."""
    (tmp_path / "sparekey.toml").write_text(example)
    assert len(load_config(tmp_path / "sparekey.toml").vlm.credentials) >= 2


def test_the_example_that_is_refused_is_refused_as_the_page_says(tmp_path):
    """And taken with the space declared for both."""
    example = blocks("toml")[2]
    file = tmp_path / "sparekey.toml"
    file.write_text(example)
    with pytest.raises(ConfigError) as caught:
        load_config(file)
    assert str(caught.value).replace(f"{tmp_path}/", "") in {" ".join(block.split()) for block in blocks("text")}
    file.write_text(example.replace('space = "te3-small"\n', "").replace("dimension = 1024\n", 'dimension = 1024\nspace = "te3-small"\n'))
    assert load_config(file).embedding.get_dimension() == 1024


def test_the_faults_on_the_page_are_worded_as_they_are(tmp_path, monkeypatch):
    """The page shows real messages."""
    faults, missing = (block for block in blocks("text") if "timeout" in block), (block for block in blocks("text") if "export it" in block)
    wrong = '[vlm]\nmodel = "m"\ntimeout = -1\n[[vlm.credentials]]\nprovider = "openai"\napi_kye = "k"\n'
    (tmp_path / "sparekey.toml").write_text(wrong)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError) as caught:
        load_config()
    assert set(str(caught.value).splitlines()) <= set(next(faults).splitlines())
    monkeypatch.delenv("OPENAI_KEY_A", raising=False)
    (tmp_path / "sparekey.toml").write_text(blocks("toml")[0])
    with pytest.raises(ConfigError) as caught:
        load_config().vlm.instance_dicts()
    assert next(missing).strip() in str(caught.value).splitlines()
