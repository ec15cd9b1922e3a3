"""Chat and vision models: one instance a credential, wrappers that look the same over several."""

from sparekey.vlm.base import VLMBase
from sparekey.vlm.factory import VLMFactory
from sparekey.vlm.multi import MultiCredentialVLM
from sparekey.vlm.types import ToolCall, VLMChunk, VLMResponse

__all__ = ["MultiCredentialVLM", "ToolCall", "VLMBase", "VLMChunk", "VLMFactory", "VLMResponse"]
