"""Chat and vision models: an instance is one credential, a wrapper over several has the same interface."""

from sparekey.vlm.base import VLMBase
from sparekey.vlm.factory import VLMFactory
from sparekey.vlm.multi import MultiCredentialVLM
from sparekey.vlm.types import ToolCall, VLMChunk, VLMResponse

__all__ = ["MultiCredentialVLM", "ToolCall", "VLMBase", "VLMChunk", "VLMFactory", "VLMResponse"]
