"""The Azure OpenAI wire.

OpenAI's answers behind deployments, an `api-key` header, API versions and Azure's own errors.

Source: https://learn.microsoft.com/azure/ai-services/openai/reference and the errors that users
report.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sparekey.lab.simulator.faults import refuse
from sparekey.lab.simulator.wires.base import Frame, Mark, RefusalWording, UnreadableRequestError, object_body, sse
from sparekey.lab.simulator.wires.openai import RESOURCES, OpenAIWire
from sparekey.lab.simulator.wires.openai import WORDINGS as OPENAI_WORDINGS
from sparekey.lab.simulator.wires.openai_resource import form_body

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sparekey.lab.simulator.answers import Voice
    from sparekey.lab.simulator.faults import Refusal
    from sparekey.lab.simulator.traffic import ReceivedRequest
    from sparekey.lab.simulator.wires.base import RequestedAnswer

_DEPLOYMENT = re.compile(r"/openai/deployments/([^/]+)/(.+)$")
_UNIFIED = re.compile(r"/openai/v1/(.+)$")
_VERSIONED = re.compile(r"/openai/(responses.*)$")
_RATE = (
    "Requests to the ChatCompletions_Create Operation under Azure OpenAI API version 2024-10-21 have exceeded {what} of your current "
    "OpenAI S0 pricing tier."
)
_RAISE = " Please go here: https://aka.ms/oai/quotaincrease if you would like to further increase the default rate limit."
_SAFE = {"filtered": False, "severity": "safe"}

WORDINGS: dict[str, RefusalWording] = {
    **OPENAI_WORDINGS,
    "auth": RefusalWording(
        401,
        "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid key for an active subscription "
        "and use a correct regional API endpoint for your resource.",
        "401",
    ),
    "permission": RefusalWording(403, "Access denied due to Virtual Network/Firewall rules.", "403"),
    "overdue": RefusalWording(
        403, "Your resource has been temporarily blocked because we detected behavior that may violate our content policy.", "Forbidden"
    ),
    "daily_quota": RefusalWording(
        429, _RATE.replace("{what}", "token rate limit"), "429", wait=" Please retry after {wait} seconds." + _RAISE
    ),
    "rate_limit": RefusalWording(
        429, _RATE.replace("{what}", "call rate limit"), "429", wait=" Please retry after {wait} seconds." + _RAISE
    ),
    "overloaded": RefusalWording(
        503,
        "The service is temporarily unable to process your request. Please try again later.",
        "ServiceUnavailable",
    ),
    "server_error": RefusalWording(
        500,
        "The server had an error while processing your request. Sorry about that! You can retry your request, or contact us through an "
        "Azure support request at: https://go.microsoft.com/fwlink/?linkid=2213926 if the error persists.",
        None,
        "server_error",
    ),
    "model_not_found": RefusalWording(
        404,
        "The API deployment for this resource does not exist. If you created the deployment within the last 5 minutes, please wait a "
        "moment and try again.",
        "DeploymentNotFound",
    ),
    "content_filter": RefusalWording(
        400,
        "The response was filtered due to the prompt triggering Azure OpenAI's content management policy. Please modify your prompt and "
        "retry. To learn more about our content filtering policies please read our documentation: "
        "https://go.microsoft.com/fwlink/?linkid=2198766",
        "content_filter",
        param="prompt",
        more={
            "status": 400,
            "innererror": {
                "code": "ResponsibleAIPolicyViolation",
                "content_filter_result": {
                    "hate": _SAFE,
                    "jailbreak": {"filtered": True, "detected": True},
                    "self_harm": _SAFE,
                    "sexual": _SAFE,
                    "violence": _SAFE,
                },
            },
        },
    ),
    "not_found": RefusalWording(404, "Resource not found", "404"),
}


class AzureWire(OpenAIWire):
    """OpenAI's endpoints, by deployment (with `api-version`) or by the unified `/openai/v1` path."""

    name = "azure"
    root = ""
    wordings = WORDINGS

    def key(self, seen: ReceivedRequest) -> str:
        """Return the `api-key`, or the bearer token of Entra ID."""
        return seen.headers.get("api-key") or super().key(seen)

    def read(self, seen: ReceivedRequest) -> RequestedAnswer:
        """Read a request; the deployment of the path is the model."""
        deployment = _DEPLOYMENT.search(seen.path)
        found = deployment or _UNIFIED.search(seen.path) or _VERSIONED.search(seen.path)
        if found is None or (found.re is not _UNIFIED and "api-version" not in seen.query):
            raise UnreadableRequestError(refuse("not_found"))
        return self._of(found[found.re.groups], deployment[1] if deployment else "", seen)

    def _of(self, path: str, deployment: str, seen: ReceivedRequest) -> RequestedAnswer:
        resource = RESOURCES.get(path)
        if resource is None and path not in {"chat/completions", "embeddings"}:
            raise UnreadableRequestError(refuse("not_found"))
        body = (form_body if resource and resource.form else object_body)(seen)
        if deployment:
            body = {**body, "model": deployment}
        if resource is not None:
            return resource.read(body, self.key(seen))
        return self.read_chat(body) if "messages" in body else self.read_embed({"input": [], "model": "", **body})

    def frames(self, ask: RequestedAnswer, voice: Voice) -> Iterator[Frame]:
        """Yield the events.

        The first one, which only Azure sends, has no choices, only the prompt's verdict.
        """
        verdict = [{"prompt_index": 0, "content_filter_results": {"hate": _SAFE}}]
        yield Frame(Mark.OPEN, sse({**self.envelope(ask), "object": "", "choices": [], "prompt_filter_results": verdict}))
        yield from super().frames(ask, voice)

    def word(self, refusal: Refusal, ask: RequestedAnswer) -> RefusalWording:
        """Return the wording; Azure names no period, so only its long wait shows a daily limit."""
        if refusal.kind == "daily_quota" and refusal.retry_after is None:
            refusal = replace(refusal, retry_after=86_400)
        return super().word(refusal, ask)

    def error_json(self, wording: RefusalWording, refusal: Refusal, ask: RequestedAnswer) -> Any:
        """Put an error into Azure's form: code and message, or OpenAI's four fields from the model."""
        if wording.type is None and wording.param is None:
            return {"error": {"code": wording.code, "message": wording.message}}
        error = super().error_json(wording, refusal, ask)["error"]
        return {"error": {**error, **wording.more}}
