"""What keeps a file from being TOML: every fault at once, each with what to write, none with a value."""

import tomllib

import pytest

from sparekey import ConfigError, load_config
from sparekey.config.faults import toml_faults

KEY = "sk-5c1d0a9b7e3f4c2d8a6b"
CASES = [
    ("[vlm]\nmodel = gpt-5\n", "at line 2, column 9, in 'model'): Invalid value; a text stands in quotes"),
    ("strict = True\n", "in 'strict'): Invalid value; a text stands in quotes, true and false in small letters"),
    ('a = "1"\na = "2"\n', "in 'a'): Cannot overwrite a value; it is set twice"),
    ("[vlm]\n[vlm]\n", "Cannot declare [vlm] twice; put the keys of both into one"),
    ("[[vlm.credentials]]\nid = 'a'\n[vlm.credentials]\n", "Cannot declare [vlm.credentials] twice"),
    ('a = "open\nb = 1\n', "in 'a'): Illegal character '\\n'; the quotes of a text do not close on its line"),
    ('api_key = "file:C:\\Users\\me"\n', "in 'api_key'): Invalid hex value; a backslash begins an escape"),
    ('api_key = "file:C:\\keys"\n', "in 'api_key'): Unescaped '\\' in a string; a backslash begins an escape"),
    ('model = "m" provider = "openai"\n', "in 'model'): Expected newline or end of document after a statement; one key a line"),
    ("model: m\n", "Expected '=' after a key in a key/value pair; write key = value"),
]


@pytest.mark.parametrize(("text", "said"), CASES, ids=[said[:40] for _, said in CASES])
def test_a_fault_says_what_to_write(text, said):
    """Place, key, Python's own words, and what is right."""
    (fault,) = toml_faults(text)
    assert fault.startswith("not valid TOML (at line ")
    assert said in fault


def test_all_faults_are_told_at_once(tmp_path):
    """A faulty line is left out, and the rest is looked at; a line each, as with every other fault."""
    file = tmp_path / "sparekey.toml"
    file.write_text(f'[vlm]\nmodel = gpt-5\nprovider = "openai\ntimeout = 5\ntimeout = 6\napi_key = "{KEY}" # mine\nstrict = yes\n')
    with pytest.raises(ConfigError) as caught:
        load_config(file)
    lines = str(caught.value).splitlines()
    assert [line.partition(" (at line ")[2][0] for line in lines] == ["2", "3", "5", "7"]
    assert all(line.startswith(f"{file}: not valid TOML") for line in lines)


@pytest.mark.parametrize(
    "text",
    ["[vlm\nmodel = 1\n", "a = [1,\n", 'a = """x\n', "a = {b = 1\n", "= 1\n", "\x00", "a = [\n b = 1\n]\nc = x\n", f"api_key = {KEY}\n"],
)
def test_it_ends_and_shows_no_value(text):
    """Whatever the text: at least one fault, at most eight, and no key in them."""
    with pytest.raises(tomllib.TOMLDecodeError):
        tomllib.loads(text)
    assert 1 <= len(toml_faults(text)) <= 8
    assert KEY not in "".join(toml_faults(text))


def test_a_table_in_the_place_of_a_list_says_how_a_list_is_written(tmp_path):
    """`[vlm.credentials]` with single brackets is a table."""
    file = tmp_path / "sparekey.toml"
    file.write_text('[vlm]\nmodel = "m"\n[vlm.credentials]\nprovider = "openai"\n')
    with pytest.raises(ConfigError, match=r"vlm.credentials: must be a list; in TOML each entry begins with \[\[vlm.credentials\]\]"):
        load_config(file)


def test_an_unknown_provider_hides_no_other_fault(tmp_path):
    """A second round after the first is one too many: model, store and both faults of a rule are told with it."""
    file = tmp_path / "sparekey.toml"
    text = '[[vlm.credentials]]\nprovider = "opnai"\napi_key = "k"\n[gateway]\nstore = "mongo://x"\n[[rules]]\nregex = "("\nthen = "jump"\n'
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_config(file)
    said = str(caught.value)
    for fault in (
        "unknown provider 'opnai'",
        "credentials[0].model: is missing",
        "gateway.store: 'mongo://...' is no store",
        "then='jump'",
    ):
        assert fault in said
    assert "the pattern cannot be read: missing )" in said


def test_the_other_faults_are_told_with_those_of_the_text(tmp_path):
    """Without the faulty lines the rest is checked; what only follows from a line being left out is not told."""
    file = tmp_path / "sparekey.toml"
    file.write_text(
        'strcit = true\n[vlm]\nprovider = "opnai"\nmodel = gpt-4o\ntimeout = -1\n[embedding.dense]\nprovider = open\n'
        f'api_key = "{KEY}"\nmodel = "e"\n'
    )
    with pytest.raises(ConfigError) as caught:
        load_config(file)
    lines = [line.removeprefix(f"{file}: ") for line in str(caught.value).splitlines()]
    assert [line[:14] for line in lines[:2]] == ["not valid TOML"] * 2
    assert sorted(line.partition(": ")[0] for line in lines[2:]) == ["strcit", "vlm.provider", "vlm.timeout"]
    assert KEY not in str(caught.value)
