"""A05: a request is read as what it is: compressed, behind white space, or 25 MB long."""

import base64
import gzip
import json
import zlib

import pytest
from gateway_play import question

from sparekey.lab.simulator.answers import TEXT


def raw_deflate(data):
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


def brotli(data):
    return pytest.importorskip("brotli", reason="the package brotli is not installed").compress(data)


def zstd(data):
    return pytest.importorskip("zstandard", reason="the package zstandard is not installed").ZstdCompressor().compress(data)


CODINGS = {"gzip": gzip.compress, "x-gzip": gzip.compress, "deflate": zlib.compress, "DEFLATE": raw_deflate, "br": brotli, "zstd": zstd}
BODY = json.dumps(question()).encode()


@pytest.mark.parametrize("coding", [*CODINGS, "identity", "zstd, gzip"])
def test_a_compressed_request_is_unpacked(running, pair, coding):
    """The provider gets it plain, and is told so."""
    body = BODY
    for name in coding.split(", "):
        body = CODINGS.get(name, bytes)(body)
    status, _, told = running.ask(body=body, content_encoding=coding)
    assert (status, told["choices"][0]["message"]["content"]) == (200, TEXT)
    (seen,) = pair[0].requests
    assert "content-encoding" not in seen.headers
    assert seen.json["messages"] == question()["messages"]


@pytest.mark.parametrize("coding", ["compress", "snappy, gzip"])
def test_an_unknown_encoding_is_named(running, pair, coding):
    """With those that are taken, for a client that can choose."""
    status, headers, told = running.ask(body=gzip.compress(BODY), content_encoding=coding)
    assert (status, told["error"]["code"]) == (415, "unknown_encoding")
    assert "gzip" in headers["accept-encoding"]
    assert not pair[0].requests


@pytest.mark.parametrize("coding", ["gzip", "deflate", "zstd"])
@pytest.mark.parametrize("body", [BODY, gzip.compress(BODY)[:-9], b"\x28\xb5\x2f\xfdx"], ids=["plain", "cut", "no frame"])
def test_what_is_not_encoded_as_it_says_is_refused(running, pair, coding, body):
    """Nobody else is blamed for it."""
    assert running.ask(body=body, content_encoding=coding)[0] == 400
    assert not pair[0].requests


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
def test_a_bomb_is_not_unpacked(running, pair, coding):
    """65 MiB of blanks are a few kilobytes on the line."""
    status, _, told = running.ask(body=CODINGS[coding](b" " * (65 << 20)), content_encoding=coding)
    assert (status, told["error"]["code"]) == (413, "body_too_large")
    assert not pair[0].requests


@pytest.mark.parametrize("before", [b" ", b"\r\n\t ", b"\xef\xbb\xbf"], ids=["blank", "lines", "mark"])
def test_white_space_before_the_json_is_no_fault(running, before):
    """Nor is a byte order mark."""
    assert running.ask(body=before + BODY)[0] == 200


def test_a_picture_of_25_megabytes_passes(running, pair):
    """As a data URL, whole."""
    url = "data:image/png;base64," + base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(25 << 20)).decode()
    parts = [{"type": "text", "text": "What is it?"}, {"type": "image_url", "image_url": {"url": url}}]
    status, _, told = running.ask(body={"model": "chat", "messages": [{"role": "user", "content": parts}]})
    assert (status, told["choices"][0]["message"]["content"]) == (200, TEXT)
    assert pair[0].requests[0].json["messages"][0]["content"][1]["image_url"]["url"] == url
