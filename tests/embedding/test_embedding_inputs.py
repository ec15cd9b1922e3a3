"""Inputs of every form, and how they are kept within a model's window."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparekey.embedding.inputs import estimate_tokens, normalize, normalize_batch, text_of, truncate, truncate_text
from sparekey.errors import InvalidInputError
from sparekey.wire.media import image_url, media_type, split_data_url

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 8


def test_plain_parts_become_typed_ones(tmp_path):
    """Text, bytes, a path, a URL and the older spellings all read as typed parts."""
    file = tmp_path / "key.png"
    file.write_bytes(PNG)
    data = {"type": "image_url", "image_url": {"url": image_url(PNG)}}
    remote = {"type": "image_url", "image_url": {"url": "https://example.org/key.png"}}
    text = {"type": "text", "text": "a key"}
    assert normalize(["a key", PNG, file]) == [text, data, data]
    assert normalize([text, {"type": "image", "image": str(file)}, {"type": "image_url", "image_url": "https://example.org/key.png"}]) == [
        text,
        data,
        remote,
    ]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "empty"),
        ([], "empty"),
        (["a", ""], "empty"),
        ("half \ud83d", "surrogate"),
        ([{"type": "text", "text": "\udc00"}], "surrogate"),
        ([{"type": "sound"}], "neither text nor image"),
        ([{"type": "image"}], "neither a URL"),
        ([3], "int"),
        (b"bytes", "bytes"),
        (None, "NoneType"),
        ([b"no image"], "not an image"),
        ([{"type": "image", "image": "/no/such/file.png"}], "cannot read"),
    ],
)
def test_what_cannot_be_embedded_is_said_clearly(content, words):
    """Nothing, half characters and unknown parts are refused before anything is sent (E05)."""
    with pytest.raises(InvalidInputError, match=words):
        normalize(content)


def test_a_bad_input_of_a_batch_is_named_by_its_index():
    """The message says which input is the bad one."""
    with pytest.raises(InvalidInputError, match="input 2 of the batch"):
        normalize_batch(["a", "b", "", "d"])


def test_a_text_is_no_batch():
    """A batch that is one string would be embedded letter by letter."""
    with pytest.raises(InvalidInputError, match="a list of inputs"):
        normalize_batch("abc")


def test_text_is_all_that_a_blind_embedder_gets():
    """Images are left out for embedders without eyes, and only images are an error."""
    assert text_of(normalize(["a key", PNG, "under a stone"])) == "a key\nunder a stone"
    with pytest.raises(InvalidInputError, match="text only"):
        text_of(normalize([PNG]))


def test_truncation_leaves_images_alone():
    """Only texts are cut."""
    content = normalize(["one two three four", PNG])
    assert truncate(content, 2) == [{"type": "text", "text": "one two"}, content[1]]


@given(st.text(max_size=300), st.integers(1, 60))
def test_a_cut_text_is_a_beginning_that_fits(text, limit):
    """A cut text begins the text, fits by the estimate, and a text that fits is not cut."""
    cut = truncate_text(text, limit)
    assert text.startswith(cut)
    assert estimate_tokens(cut) <= limit
    if estimate_tokens(text) <= limit:
        assert cut == text


def test_estimates_of_known_texts():
    """Words, digits, signs and CJK characters count as documented."""
    assert estimate_tokens("spare key") == 3
    assert estimate_tokens("2026") == 2
    assert estimate_tokens("备用钥匙") == 4
    assert estimate_tokens("a, b!") == 4
    assert estimate_tokens("") == 0


def test_an_endless_word_is_cut_inside():
    """A run of letters that is no word keeps what fits."""
    assert truncate_text("a " + "x" * 1000, 11) == "a " + "x" * 40


def test_no_limit_cuts_nothing():
    """Without a limit a text of any size goes out as it is."""
    assert truncate_text("x" * 300_000, None) == "x" * 300_000


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (PNG, "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"GIF89a..", "image/gif"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "image/webp"),
        (b"BM....", "image/bmp"),
    ],
)
def test_images_are_known_by_their_bytes(data, kind):
    """The media type is read from the first bytes, and a data URL gives both back."""
    assert media_type(data) == kind
    assert split_data_url(image_url(data)) == (kind, data)


def test_other_urls_hold_no_bytes():
    """A remote URL is passed on and cannot be split; broken base64 is said to be broken."""
    assert image_url("https://example.org/a.png") == "https://example.org/a.png"
    assert split_data_url("https://example.org/a.png") is None
    with pytest.raises(InvalidInputError, match="base64"):
        split_data_url("data:image/png;base64,???")
