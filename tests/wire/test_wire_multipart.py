"""Forms with files: the model's name is found and replaced, everything else is the bytes that came."""

import httpx2
import pytest

from sparekey import Secret
from sparekey.wire.multipart import UnreadableFormError, read
from sparekey.wire.request import Target, understand
from sparekey.wire.rewrite import rewrite

TRAP = b'\x00\xff\r\n\r\nname="model"\r\n\r\nforged\r\n--x\r\n'
TYPE = b"multipart/form-data; boundary=x"


def part(disposition, content, more=b""):
    return b"--x\r\nContent-Disposition: form-data; " + disposition + b"\r\n" + more + b"\r\n" + content + b"\r\n"


FILE = part(b'name="file"; filename="a; name=\\"model\\".wav"', b"\x00\r\n--xylophone\r\n\xff", b"Content-Type: audio/wav\r\n")
MODEL = part(b'name="model"', b"caller")
END = b"--x--\r\n"


def put(body, content_type=TYPE, model="real-model", kind="other"):
    call = understand("POST", b"/v1/audio/transcriptions", [(b"content-type", content_type)], body)
    return rewrite(call, Target("openai", "https://host.example/v1", Secret("key"), model, kind))


@pytest.mark.parametrize("order", [(MODEL, FILE), (FILE, MODEL), (FILE, MODEL, FILE)], ids=["first", "last", "between"])
def test_the_model_is_replaced_wherever_it_stands(order):
    """A shell writes the file first, SDKs the fields."""
    body = b"".join(order) + END
    sent = put(body)
    assert sent.body == body.replace(b"\r\n\r\ncaller\r\n", b"\r\n\r\nreal-model\r\n")
    assert (b"content-length", b"%d" % len(sent.body)) in sent.headers
    assert put(body, model="caller").body is put(body, model=None).body is put(body, kind="chat").body is body


def test_what_a_library_writes_is_understood():
    """A real client's form, with a file that tries to pass for a field."""
    made = httpx2.Request("POST", "http://a", data={"model": "caller", "stream": "true"}, files={"file": ("a.wav", TRAP)})
    body, content_type = made.read(), made.headers["content-type"].encode()
    call = understand("POST", b"/v1/audio/transcriptions", [(b"content-type", content_type)], body)
    assert (call.model, call.stream) == ("caller", True)
    assert TRAP in put(body, content_type).body


@pytest.mark.parametrize("name", [b"name=model", b'NAME="model"'])
def test_names_are_read_as_parameters(name):
    """With and without quotes."""
    assert read(TYPE, part(name, b"m") + END)["model"].value == "m"


@pytest.mark.parametrize(
    "field",
    [
        part(b'name="Model"', b"m"),
        part(b'name="mo\\del"', b"m"),
        part(b'name="model" ', b"m", b"Content-Transfer-Encoding: base64\r\n"),
        part(b'name="model"; filename="a.txt"', b"m"),
        part(b"name*=utf-8''model", b"m"),
        part(b'name*0="mo"; name*1="del"', b"m"),
        part(b'name="a"; name="model"', b"m"),
        part(b'x="a\\"; name=\\"no"; name="model"', b"m"),
        part(b'name = "model"', b"m"),
        part(b'name="a"', b"m", b'Content-Disposition: form-data; name="model"\r\n'),
        part(b"", b"m", b' name="model"\r\n'),
        part(b'name="%6dodel"', b"m"),
        part(b'name="a"', b'm\n--x\nContent-Disposition: form-data; name="model"\n\nother'),
    ],
)
def test_what_one_reader_takes_for_a_model_and_another_does_not(field):
    """It is refused, whether or not an ordinary field stands beside it."""
    for body in (field + END, field + MODEL + END, MODEL + field + END):
        with pytest.raises(UnreadableFormError):
            read(TYPE, body)


def test_an_empty_value_is_a_value():
    """It is there, and names nothing."""
    assert read(TYPE, part(b'name="model"', b"") + END)["model"].value == ""
    assert put(part(b'name="model"', b"") + END).body == part(b'name="model"', b"real-model") + END


@pytest.mark.parametrize(
    ("content_type", "body", "told"),
    [
        (b"multipart/form-data", MODEL + END, "names no boundary"),
        (b"multipart/form-data; boundary=y; boundary=x", MODEL + END, "more than one"),
        (TYPE, MODEL, "does not begin and end"),
        (TYPE, b"--y\r\n" + END, "does not begin and end"),
        (TYPE, MODEL + MODEL + END, "'model' is in the form twice"),
        (TYPE, b"--x\r\nno headers", "headers that do not end"),
        (TYPE, b"--x\r\n" + b"a" * 9000 + b"\r\n\r\n" + END, "headers that do not end"),
        (TYPE, part(b"name=a", b"b") * 1001 + END, "more than 1000 parts"),
    ],
)
def test_what_is_no_form_says_why(content_type, body, told):
    """A form that two readers could read in two ways is none."""
    with pytest.raises(UnreadableFormError, match=told):
        read(content_type, body)
    call = understand("POST", b"/v1/audio/transcriptions", [(b"content-type", content_type)], body)
    assert told in call.form_fault
    assert call.form is None


def test_a_value_that_is_no_name_is_no_model():
    """A field of more than 200 bytes names none, and must not stand beside one that does."""
    with pytest.raises(UnreadableFormError, match="longer than 200"):
        read(TYPE, part(b'name="model"', b"m" * 201) + END)
