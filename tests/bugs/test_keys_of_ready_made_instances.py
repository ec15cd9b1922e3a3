"""A chain of ready-made instances did not know their keys: one of no known shape stood in its error when a provider echoed it."""

import base64
import traceback

import pytest

from sparekey.errors import AllCredentialsFailedError
from sparekey.types import Secret
from sparekey.vlm.base import VLMBase
from sparekey.vlm.multi import MultiCredentialVLM

KEY = "zQ-very.odd+key/with=chars0042"
WRITTEN = [KEY, KEY.upper(), base64.b64encode(KEY.encode()).decode()]


class Refusing(VLMBase):
    """An instance whose provider repeats the key."""

    def get_completion(self, *args, **kwargs):
        raise RuntimeError(f"Error code: 401 - your token {' and '.join(WRITTEN)} was revoked")

    async def get_completion_async(self, *args, **kwargs):
        return self.get_completion()

    get_vision_completion, get_vision_completion_async = get_completion, get_completion_async


@pytest.mark.parametrize("key", [KEY, Secret(KEY)], ids=["text", "secret"])
def test_no_word_of_the_error_has_them(key):
    """Neither its text nor its traceback nor its representation."""
    instances = [Refusing({"provider": "openai", "model": "m", "api_key": key}) for _ in range(2)]
    vlm = MultiCredentialVLM(instances, ["a", "b"])
    with pytest.raises(AllCredentialsFailedError) as caught:
        vlm.get_completion("hi")
    said = "".join([str(caught.value), repr(caught.value), *traceback.format_exception_only(caught.value)])
    assert "revoked" in said
    assert [one for one in WRITTEN if one in said] == []
