"""No key in any text: of whatever shape, however it is written, wherever a provider repeats it (FAULTS.md, X05)."""

import base64
import copy
import html
import json
import pickle
import traceback
from concurrent.futures import ProcessPoolExecutor
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparekey import AllCredentialsFailedError, Chain, Credential, Failover
from sparekey.errors import CredentialError
from sparekey.masking import Secrets, mask, secrets_of
from sparekey.types import Secret

KEY = "Zq/w7+Pl_aint&ken.X9"
"""A key of no shape that anybody publishes."""
WRITINGS = {
    "plain": KEY,
    "json": KEY.replace("/", "\\/").replace("+", "\\u002B"),
    "json, every letter": "".join(f"\\u{ord(c):04x}" for c in KEY),
    "json in json": json.dumps(json.dumps(KEY).replace("/", "\\/")),
    "url": quote(KEY, safe=""),
    "url, lower case": quote(KEY, safe="").lower().replace(quote(KEY, safe="").lower(), quote(KEY, safe="")),
    "url, twice": quote(quote(KEY, safe=""), safe=""),
    "url, every letter": "".join(f"%{ord(c):02x}" for c in KEY),
    "html": KEY.replace("+", "&#43;").replace("/", "&#x2F;"),
    "html by names": KEY.replace("+", "&plus;").replace("/", "&sol;").replace("_", "&lowbar;").replace(".", "&period;"),
    "html by the book": html.escape(KEY),
    "html, every letter": "".join(f"&#{ord(c)};" for c in KEY),
    "html, twice": KEY.replace("+", "&amp;#43;").replace("/", "&#38;#x2f;"),
    "html, every letter, no ends": "".join(f"&#{ord(c):05}" for c in KEY),
    "a program's": "".join(f"\\x{ord(c):02x}" for c in KEY),
    "a program's, octal": "".join(f"\\{ord(c):03o}" for c in KEY),
    "a program's, in braces": "".join(f"\\u{{{ord(c):x}}}" for c in KEY),
    "mixed": KEY.replace("Z", "\\u005A").replace("/", "%252f").replace("+", "&plus;").replace("_", "=5F"),
    "a mail's": "".join(f"={ord(c):02X}" for c in KEY),
    "hexadecimal": KEY.encode().hex(),
    "hexadecimal, capital": KEY.encode().hex().upper(),
    "lower case": KEY.lower(),
    "upper case": KEY.upper(),
    "base64 for a url": quote(base64.urlsafe_b64encode(f"{KEY}?>?>".encode()).decode(), safe=""),
    "base64": base64.b64encode(KEY.encode()).decode(),
    "base64 of a pair": base64.b64encode(f"user:{KEY}".encode()).decode(),
    "base64 behind two letters": base64.b64encode(b"ab" + KEY.encode() + b"cd").decode(),
}


class EchoError(Exception):
    """What a provider says."""

    status_code = 401


def chain():
    return Chain([Credential("a", api_key=Secret(KEY)), Credential("b", headers={"X-Corp": f"Token {KEY[::-1]}", "Accept": "text/plain"})])


def failed(text):
    def refuse(_):
        raise EchoError(text)

    with pytest.raises(AllCredentialsFailedError) as caught:
        Failover(chain()).call(refuse)
    return caught.value


@pytest.mark.parametrize("writing", WRITINGS)
def test_a_key_is_found_however_it_is_written(writing):
    """Escaped in JSON, once or twice, in a URL, in HTML, in base64."""
    cut = Secrets([KEY]).cut_known(f"the key {WRITINGS[writing]} is unknown")
    assert KEY[3:-3] not in cut
    assert "***" in cut
    assert cut.startswith("the key ")


@given(st.text(min_size=8, max_size=40), st.text(max_size=30), st.text(max_size=30))
def test_what_is_cut_is_gone(value, before, behind):
    """Whatever the key and whatever stands around it."""
    cut = Secrets([value]).cut_known(before + value + behind)
    assert value not in cut.replace("***", "\0") or value in before + behind


@pytest.mark.parametrize("phrase", ["unknown key {}", "{} is not valid", "no such token: '{}'", "bearer={}", "({})", '{{"k":"{}"}}'])
@pytest.mark.parametrize("of", [KEY, KEY[::-1]], ids=["the key", "a header's"])
def test_an_exhausted_chain_tells_no_key(phrase, of):
    """Neither its text, nor its repr, nor the repr of its entries, nor a traceback, nor what is pickled of its text."""
    error = failed(phrase.format(of))
    shown = [
        str(error),
        repr(error),
        repr(error.errors),
        "".join(traceback.format_exception(error)),
        str(pickle.loads(pickle.dumps(error))),
    ]
    assert not [text for text in shown if of in text]
    assert of in str(error.errors[0].exception), "the original is still there for who asks for it"


def test_the_ledger_and_the_hooks_tell_no_key():
    """The words of a failure are without the chain's keys wherever they go."""
    told = []
    spoken = chain()
    spoken.add_hook(told.append)

    def refuse(_):
        raise EchoError(f"unknown key {KEY}")

    with pytest.raises(AllCredentialsFailedError) as caught:
        Failover(spoken).call(refuse)
    assert KEY not in repr([told, caught.value.attempts])


def test_headers_of_ones_own_hold_keys_unless_their_names_say_otherwise():
    """A scheme before the key is no part of it; types, versions and names of applications are left in texts."""
    credential = Credential("a", headers={"Authorization": "Token abc.def.ghi", "X-Corp": "shibboleth", "Anthropic-Version": "2023-06-01"})
    assert set(secrets_of([credential])) == {"Token abc.def.ghi", "abc.def.ghi", "shibboleth"}


class StubbornError(Exception):
    """An SDK's: it wants more arguments than pickle gives it."""

    def __init__(self, text, *, response):
        super().__init__(text)
        self.response = response


def exhausted_elsewhere():
    """What a worker of a pool does."""
    raise AllCredentialsFailedError([CredentialError("a", "auth", StubbornError("no such key", response=object()), 0)], 5.0)


def test_an_exhausted_chain_comes_through_a_pool_of_processes():
    """The pool lives on; classes, waits and words arrive, though an SDK's exception cannot."""
    with ProcessPoolExecutor(1) as pool:
        with pytest.raises(AllCredentialsFailedError, match="no such key") as caught:
            pool.submit(exhausted_elsewhere).result()
        assert (caught.value.retry_after, caught.value.errors[0].error_class) == (5.0, "auth")
        assert pool.submit(abs, -1).result() == 1


def test_a_copy_of_the_error_holds_the_same():
    """Shallow or deep."""
    error = failed("no")
    for copied in (copy.copy(error), copy.deepcopy(error)):
        assert (str(copied), copied.errors[0].exception) == (str(error), error.errors[0].exception)


def test_secrets_show_and_carry_nothing():
    """Their repr is a number, and pickled they are none."""
    secrets = Secrets([KEY])
    assert KEY not in repr(secrets)
    assert KEY.encode() not in pickle.dumps(secrets)
    assert mask("plain words") == "plain words"


@pytest.mark.parametrize("run", ["\\", "&#38;", "&amp;", "%25", "%", "&", "=", "\\u{0", "&#0", KEY[:-1], "\\x5a"])
def test_a_run_of_what_begins_an_escape_is_gone_through_once(run):
    """A megabyte of backslashes took minutes: each was looked at from every one before it."""
    text = run * (200_000 // len(run))
    secrets = Secrets([KEY])
    assert secrets.cut_known(text) == text
    assert secrets.cut_known(f"{text}, {quote(KEY, safe='')}") == f"{text}, ***"
