"""A file's address beside its bytes was lost, bare texts in the place of media were read as images, and `DATA:` as an address."""

import pytest

from sparekey.wire.conversation import chat_completions, responses
from sparekey.wire.conversation.values import MediaPart


def of_chat(part):
    return chat_completions.read_request({"messages": [{"role": "user", "content": [part]}]}).turns[0].parts[0]


def of_responses(part):
    return responses.read_request({"input": [{"role": "user", "content": [part]}]}).turns[0].parts[0]


@pytest.mark.parametrize(
    ("kind", "text", "found"),
    [
        ("input_audio", "QUJD", MediaPart("audio", data="QUJD")),
        ("input_audio", "https://host/a.wav", MediaPart("audio", url="https://host/a.wav")),
        ("input_audio", "data:audio/wav;base64,QUJD", MediaPart("audio", data="QUJD", media_type="audio/wav")),
        ("file", "file-abc", MediaPart("file", file_id="file-abc")),
        ("file", "Data:application/pdf;Base64,QUJD", MediaPart("file", data="QUJD", media_type="application/pdf")),
        ("file", "gs://bucket/a.pdf", MediaPart("file", url="gs://bucket/a.pdf")),
        ("image_url", "a.png", MediaPart("image", url="a.png")),
        ("video_url", "https://host/a.mp4", MediaPart("video", url="https://host/a.mp4")),
    ],
)
def test_a_bare_text_is_read_as_its_part_says(kind, text, found):
    """Audio is bytes, a file is an id, a picture is an address; what looks like an address is one."""
    assert of_chat({"type": kind, kind: text}) == found


@pytest.mark.parametrize("scheme", ["data", "DATA", "Data"])
@pytest.mark.parametrize("mark", ["base64", "BASE64"])
def test_the_scheme_has_no_case(scheme, mark):
    """Nor has the word behind the media type."""
    part = of_chat({"type": "image_url", "image_url": {"url": f"{scheme}:image/PNG;{mark},QUJD"}})
    assert part == MediaPart("image", data="QUJD", media_type="image/PNG")


@pytest.mark.parametrize("data", ["data:application/pdf;base64,QUJD", "QUJD", "data:text/plain,abc"])
@pytest.mark.parametrize("url", ["", "https://host/doc.pdf", "data:application/pdf;base64,WFla"])
def test_bytes_and_address_both_stay(data, url):
    """As does the id beside them."""
    part = of_responses({"type": "input_file", "file_data": data, "file_url": url, "file_id": "f1", "filename": "n"})
    kept = {part.data, part.url}
    assert (data if "base64" not in data else "QUJD") in kept
    assert url in {"", part.url}
    assert (part.file_id, part.name) == ("f1", "n")


def test_bare_bytes_of_a_file_are_bytes():
    """In a chat, too."""
    assert of_chat({"type": "file", "file": {"file_data": "QUJD", "filename": "n"}}) == MediaPart("file", data="QUJD", name="n")
