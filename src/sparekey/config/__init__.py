"""Configuration: models, file formats, references to keys, older forms.

`load_config("sparekey.toml")` gives a checked `Config`; its parts build the model and the embedder.
"""

from sparekey.config.embedding import EmbeddingConfig, EmbeddingCredential, EmbeddingModelConfig
from sparekey.config.files import Config, config_of, load_config, migrate
from sparekey.config.gateway import GatewayConfig
from sparekey.config.secrets import SecretRef
from sparekey.config.vlm import VLMConfig, VLMCredential, VLMMediaConfig

__all__ = [
    "Config",
    "EmbeddingConfig",
    "EmbeddingCredential",
    "EmbeddingModelConfig",
    "GatewayConfig",
    "SecretRef",
    "VLMConfig",
    "VLMCredential",
    "VLMMediaConfig",
    "config_of",
    "load_config",
    "migrate",
]
