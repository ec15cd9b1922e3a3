"""Instances that answer from a script: what a wrapper sees of a model, without a network."""

from sparekey.stats.tokens import TokenTracker
from sparekey.vlm.base import VLMBase
from sparekey.vlm.types import VLMChunk, VLMResponse


class AuthError(Exception):
    """A dead key, as SDKs tell it."""

    status_code = 401

    def __init__(self, text="Incorrect API key provided"):
        super().__init__(text)


class BusyError(Exception):
    """A provider that has no capacity."""

    status_code = 503

    def __init__(self):
        super().__init__("The service is overloaded")


class BadRequestError(Exception):
    """A request that no credential can serve."""

    status_code = 400

    def __init__(self):
        super().__init__("Unsupported parameter: 'temperature'")
        self.code = "unsupported_parameter"
        self.body = {"error": {"code": "unsupported_parameter", "type": "invalid_request_error", "message": str(self)}}


class ScriptedVLM(VLMBase):
    """Answers with its name; raises `error` as long as there is one."""

    def __init__(self, name, error=None, *, media=(), tracker=None, chunks=None):
        super().__init__({"provider": "scripted", "model": f"model-of-{name}", "api_base": f"http://{name}.invalid"})
        self.name, self.error, self.media, self.calls = name, error, media, []
        self.chunks, self.closed = chunks, 0
        self._token_tracker = tracker or TokenTracker()

    def _answer(self, method, **options):
        self.calls.append((method, options))
        if self.error is not None:
            raise self.error
        self.update_token_usage(self.model, self.provider, 3, 2)
        return VLMResponse(self.name)

    def get_completion(self, **options):
        return self._answer("get_completion", **options)

    async def get_completion_async(self, **options):
        return self._answer("get_completion_async", **options)

    def get_vision_completion(self, **options):
        return self._answer("get_vision_completion", **options)

    async def get_vision_completion_async(self, **options):
        return self._answer("get_vision_completion_async", **options)

    def stream_completion(self, prompt="", **options):
        self.calls.append(("stream_completion", {"prompt": prompt, **options}))
        for chunk in self._script():
            if isinstance(chunk, Exception):
                raise chunk
            yield chunk

    async def stream_completion_async(self, prompt="", **options):
        for chunk in self.stream_completion(prompt, **options):
            yield chunk

    def _script(self):
        if self.error is not None:
            return [self.error]
        return self.chunks or [VLMChunk(self.name), VLMChunk(finish_reason="stop")]

    def supports_media(self, *, media_type, filename, size_bytes):
        return media_type in self.media

    async def get_media_completion_async(self, **options):
        return str(self._answer("get_media_completion_async", **options))

    def close(self):
        self.closed += 1
