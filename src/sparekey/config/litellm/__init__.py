"""A LiteLLM proxy's `config.yaml` as a configuration of the gateway. What has no counterpart is listed, never dropped unseen.

The format was read from https://docs.litellm.ai/docs/proxy/configs, /docs/proxy/config_settings, /docs/routing and /docs/proxy/reliability.
Pure: the environment is handed in, and keys that stand in the file itself become references to variables; their values go nowhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sparekey.config.litellm.deployments import DeploymentReader
from sparekey.config.litellm.groups import Groups
from sparekey.config.litellm.model import Converted, Deployment
from sparekey.config.litellm.settings import settle
from sparekey.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Converted", "convert"]


def convert(data: Mapping[str, Any], environ: Mapping[str, str]) -> Converted:
    """Return a LiteLLM configuration as one of sparekey's: each group of deployments is a chain of the gateway, under its own name.

    Args:
        data: the content of `config.yaml`.
        environ: the environment: for base URLs that are written as `os.environ/NAME`, and for those and keys that the file leaves out.

    Raises:
        ConfigError: it has no `model_list`, or nothing in it can be taken over.
    """
    entries = data.get("model_list")
    if not isinstance(entries, list):
        raise ConfigError("model_list: is missing or no list; as YAML only LiteLLM's config.yaml is read")
    if not entries:
        raise ConfigError("model_list: is empty; models that stand in LiteLLM's database alone are not in this file")
    done = Converted()
    reader = DeploymentReader(data, environ, done)
    groups: dict[str, list[Deployment]] = {}
    for index, entry in enumerate(entries):
        if one := reader.read(entry, f"model_list[{index}]"):
            groups.setdefault(one.group, []).append(one)
    for members in groups.values():
        members.sort(key=lambda one: one.order)
    Groups(groups, data, done).assemble()
    if not done.config["gateway"]:
        raise ConfigError("\n".join(["model_list: nothing in it can be taken over:", *done.left_out]))
    settle(data, done)
    return done
