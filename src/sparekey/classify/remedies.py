"""What to do about a failure, a sentence each: by reason, else by class. Data; `tests/classify` holds it complete for every class."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sparekey.types import ErrorClass

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sparekey.types import Failure

BY_CLASS: Final[Mapping[ErrorClass, str]] = {
    ErrorClass.PERMANENT: "Change the request: the provider does not take it as it is.",
    ErrorClass.CONTENT_SAFETY: "Change the content: the provider's safety system refuses it.",
    ErrorClass.INPUT_TOO_LARGE: "Send less, or use a model with a larger limit.",
    ErrorClass.AUTH: "Check the key and what its account may use.",
    ErrorClass.QUOTA_EXCEEDED: "Raise the account's quota or top up its balance.",
    ErrorClass.MODEL_NOT_FOUND: "Check the model's name, and that this key may use it.",
    ErrorClass.TRANSIENT: "Wait and try again: this passes by itself.",
    ErrorClass.UNKNOWN: "Read the provider's message; nothing known fits it.",
}

BY_REASON: Final[Mapping[str, str]] = {
    # auth
    "invalid_key": "Put a valid key into api_key: the provider does not know this one.",
    "missing_key": "Set api_key: the request carried no key that the provider saw.",
    "expired_key": "Make a new key at the provider: this one has expired or was revoked.",
    "permission_denied": "Give the key the permission for this model or call in the provider's console.",
    "account_overdue": "Pay the account's open bill.",
    "account_suspended": "Ask the provider why the account is suspended.",
    "billing_not_active": "Set up billing for the account.",
    "subscription_expired": "Renew the account's subscription.",
    "org_unverified": "Verify the organisation in the provider's console.",
    "api_disabled": "Enable the API for the project in the provider's console.",
    "region_blocked": "Use a provider or an endpoint that serves your region.",
    "ip_blocked": "Allow your IP address in the provider's console.",
    "proxy_authentication": "Log in to your own network's proxy, or check HTTPS_PROXY.",
    # quota_exceeded
    "insufficient_balance": "Top up the account's balance.",
    "spend_limit": "Raise the spend limit in the provider's console.",
    "daily_quota": "Wait for tomorrow's quota, or raise it.",
    "period_quota": "Wait for the next period's quota, or raise it.",
    "free_tier_exhausted": "Switch the account to a paid plan: the free allowance is used up.",
    "usage_limit": "Wait for the limit to reset, or raise it.",
    # model_not_found
    "deployment_not_found": "Check the deployment's name in `model` and the resource in `api_base`.",
    "model_retired": "Choose a newer model: this one is retired.",
    "model_not_entitled": "Ask for access to this model, or choose another.",
    "path_not_found": "Check api_base: the host has no such path (is /v1 missing, or there twice?).",
    "bad_base_url": "Check api_base: what answers there is no model API.",
    # transient
    "rate_limited": "Wait a moment; if it happens often, raise the rate limit or add a credential of another account.",
    "concurrency": "Send fewer requests at the same time (max_concurrent).",
    "overloaded": "Wait: the provider has no capacity at the moment.",
    "server_error": "Wait: the fault is the provider's. Look at its status page if it lasts.",
    "unavailable": "Wait: the service is down. Look at its status page if it lasts.",
    "conflict": "Wait and try again: another request was in the way.",
    "bad_gateway": "Wait: a proxy in front of the provider fails. Check your own gateway, if it is yours.",
    "bad_response": "Check api_base: the answer is none of this provider's.",
    "model_loading": "Wait until the server has loaded the model.",
    "timeout": "Check the network and the provider's status page; raise `timeout` if the model is slow.",
    "connection": "Try again: the connection broke off. Check the network if it happens often.",
    "unreached": "Check api_base, DNS and the network: no connection came about.",
    "pool_timeout": "Send fewer requests at the same time: our own connections were all in use.",
    "cancelled": "Nothing: the call was given up on this side.",
    # input_too_large
    "context_length": "Shorten the input: it is longer than the model's context.",
    "payload_too_large": "Send a smaller request; shrink its images first.",
    "batch_too_large": "Send fewer texts at once (batch_size).",
    "request_over_limit": "Send a smaller request: this one alone exceeds the limit per minute.",
    # permanent
    "unsupported_feature": "Leave out what this model does not support, or choose another model.",
    "bad_parameter": "Change the parameter that the message names.",
    "bad_image": "Send another image: format or size is not accepted.",
    "bad_schema": "Change the schema or the tool that the message names.",
    "bad_message_order": "Change the order of the messages: this model does not take it.",
    "malformed_json": "Look at the request's body: it is no JSON for the provider.",
    "resource_fetch_failed": "Check the URL in the request: the provider cannot fetch it.",
    "unknown_reference": "Ask the account that made it: this one has no such response, conversation or item.",
    "output_limit": "Lower max_tokens: it is more than the model may write.",
    "empty_input": "Send a text: the input is empty.",
    "file_system": "Check the path: a local file cannot be read.",
    # unknown
    "wrong_vector": "Check the model and the dimension of this credential: its vectors are not those of the chain.",
    "missing_dependency": "Install the package that the message names.",
    # found by `check` itself
    "no_key": "Put the key where the configuration looks for it.",
    "missing_extra": "Install the extra that is named.",
    "wrong_configuration": "Change the key of the configuration that is named.",
    "other_space": "Remove this credential from the chain: its vectors cannot be compared with the others'.",
}


def remedy(failure: Failure) -> str:
    """Return what a person can do about a failure, in one sentence."""
    reason = "unreached" if failure.unreached else failure.reason
    return BY_REASON.get(reason) or BY_CLASS[failure.error_class]
