"""A LiteLLM proxy's `config.yaml` as a configuration of the gateway. What has no counterpart is listed, never dropped unseen.

The format was read from https://docs.litellm.ai/docs/proxy/configs, /docs/proxy/config_settings, /docs/routing and /docs/proxy/reliability.
Pure: the environment is handed in, and keys that stand in the file itself become references to variables; their values go nowhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sparekey.config.litellm.deployments import DeploymentReader
from sparekey.config.litellm.groups import FALLBACKS, PLACES, Groups
from sparekey.config.litellm.model import Converted, Deployment, number, reference, table
from sparekey.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_OURS: Final = {"num_retries": "max_retries", "timeout": "timeout", "request_timeout": "timeout"}
_READ: Final = frozenset({*FALLBACKS, "default_fallbacks", "model_group_alias"})
_REDIS: Final = frozenset({"redis_host", "redis_port", "redis_password", "redis_url", "redis_db"})
_SECTIONS: Final = frozenset({"model_list", "router_settings", "litellm_settings", "general_settings", "credential_list"})
_PORT: Final = 4000
"""LiteLLM's own, so that clients find the gateway where they found LiteLLM."""
_MASTER: Final = "LITELLM_MASTER_KEY"
"""The variable in which LiteLLM itself looks for its master key."""


def settle(data: Mapping[str, Any], done: Converted) -> None:
    """Put what has a counterpart into the chains and the section of the gateway, and note the rest."""
    for place in (*PLACES, "general_settings"):
        if data.get(place) is not None and not isinstance(data[place], dict):
            done.leave(place, "is no table of settings")
    for place in PLACES:
        for name, value in table(data, place).items():
            if name in _OURS and number(value) is not None:
                _for_all(done, _OURS[name], value)
            elif name in _REDIS:
                done.ask(f"{place}.redis_*", 'to share the state among several machines, set store = "redis://HOST:PORT/0" in [gateway]')
            elif name in _OURS and value is not None:
                done.leave(f"{place}.{name}", "is no number")
            elif name not in _READ:
                done.leave(f"{place}.{name}")
    _gateway(table(data, "general_settings"), done)
    for name in data.keys() - _SECTIONS:
        done.leave(str(name))


def _for_all(done: Converted, name: str, value: Any) -> None:
    for chain in _chains(done):
        chain.setdefault(name, value)


def _chains(done: Converted) -> Iterator[dict[str, Any]]:
    for kind in ("chat", "embedding"):
        yield from done.config["gateway"].get(kind, {}).values()


def _gateway(general: Mapping[str, Any], done: Converted) -> None:
    port = number(general.get("port"))
    if port is None and general.get("port") is not None:
        done.leave("general_settings.port", f"is no number; LiteLLM's own, {_PORT}, stands there")
    section: dict[str, Any] = {"port": _PORT if port is None else int(port)}
    if general.get("master_key") is not None:
        key = reference(general["master_key"], "general_settings.master_key", done, _MASTER)
        section["clients"] = [{"name": "master", "key": key}]
        done.ask("general_settings.master_key", _CLIENTS)
    done.ask("[gateway]", _ADDRESS)
    done.config["gateway"] = {**section, **done.config["gateway"]}
    for name in general:
        if name not in {"master_key", "port"}:
            done.leave(f"general_settings.{name}")


_CLIENTS: Final = (
    'it became the key of the client "master", and must have 20 characters at least; it opens no console.'
    " LiteLLM's virtual keys stay behind: `sparekey serve --new-key` makes one for each client"
)
_ADDRESS: Final = 'it listens on this machine only, at LiteLLM\'s port; for others set host = "0.0.0.0", which needs clients with keys'


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
