"""Paths, URLs and bytes become parts of a message; what is no image is refused in plain words."""

import base64

import pytest

from sparekey.errors import InvalidInputError
from sparekey.vlm.images import decode_data_url, guess_url_type, image_part, sniff

PNG = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII=")
HEADS = {
    "image/png": PNG,
    "image/jpeg": b"\xff\xd8\xff\xe0rest",
    "image/gif": b"GIF89a rest",
    "image/webp": b"RIFF\x00\x00\x00\x00WEBPVP8 ",
    "image/bmp": b"BM rest",
    "image/tiff": b"II*\x00rest",
    "image/heic": b"\x00\x00\x00\x18ftypheic",
    "image/avif": b"\x00\x00\x00\x18ftypavif",
}


@pytest.mark.parametrize("mime", HEADS)
def test_the_first_bytes_tell_the_kind(mime):
    """The media type is read from the data, whatever the file is called."""
    assert sniff(HEADS[mime]) == mime


@pytest.mark.parametrize("form", ["bytes", "path", "string"])
def test_files_and_bytes_become_a_data_url(form, tmp_path):
    """The part holds the image itself, with the type its data tells and not the one of its name."""
    path = tmp_path / "photo.jpg"
    path.write_bytes(PNG)
    part = image_part({"bytes": PNG, "path": path, "string": str(path)}[form])
    assert decode_data_url(part["image_url"]["url"]) == ("image/png", PNG)


@pytest.mark.parametrize("url", ["https://example.com/a.png", "HTTP://example.com/a", "data:image/png;base64,AAAA"])
def test_urls_pass_as_they_are(url):
    """The provider fetches a URL itself."""
    assert image_part(url) == {"type": "image_url", "image_url": {"url": url}}


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (b"", "is empty"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
        (b"<?xml version='1.0'?><svg/>", "SVG"),
        (b"not an image", "no image of a known kind"),
        (42, "not int"),
    ],
)
def test_what_is_no_image_is_refused(image, words):
    """The message says what is wrong, so that nobody has to ask the provider."""
    with pytest.raises(InvalidInputError, match=words):
        image_part(image)


def test_a_missing_file_is_the_file_systems_own_error(tmp_path):
    """The error stays a FileNotFoundError: no credential is blamed for it."""
    with pytest.raises(FileNotFoundError):
        image_part(tmp_path / "nowhere.png")


def test_a_file_over_the_limit_is_refused_with_both_numbers(tmp_path):
    """Size and limit stand in the message."""
    path = tmp_path / "big.png"
    path.write_bytes(PNG)
    with pytest.raises(InvalidInputError, match=rf"big\.png has {len(PNG)} bytes, the limit is 10"):
        image_part(path, max_bytes=10)


def test_a_broken_data_url_is_refused():
    """Base64 that is none is told at once."""
    with pytest.raises(InvalidInputError, match="base64 is broken"):
        decode_data_url("data:image/png;base64,%%%")
    with pytest.raises(InvalidInputError, match="without a comma"):
        decode_data_url("data:image/png")


def test_data_urls_without_base64_and_other_urls_are_told_apart():
    """Percent-encoding is read, and what is no data URL gives None."""
    assert decode_data_url("data:text/plain,a%20b") == ("text/plain", b"a b")
    assert decode_data_url("https://example.com/a.png") is None


@pytest.mark.parametrize(("url", "mime"), [("https://a/b.png?x=1", "image/png"), ("https://a/b", "image/jpeg")])
def test_the_name_in_a_url_tells_its_kind(url, mime):
    """Where a wire wants a type beside a URL, its name is all there is."""
    assert guess_url_type(url) == mime
