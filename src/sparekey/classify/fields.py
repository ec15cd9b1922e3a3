"""What the fields of error bodies are called, over all providers: which hold codes, which words, which a wait, which must not be read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

CODE, MESSAGE, STATUS, WAIT, WAIT_MS, SKIP, EITHER = range(7)


def _names(names: str, role: int) -> dict[str, int]:
    return dict.fromkeys(names.split(), role)


ROLES: Final[Mapping[str, int]] = {
    **_names(
        "code type error_code errorcode error_type errortype err_code errcode err_no errno ret_code retcode ret name __type reason quotaid quota_id quotametric "
        "finish_reason finishreason block_reason blockreason :exception-type exception_type exception-type bizcode biz_code sub_code subcode "
        "error_name errorname internal_code err_type resultcode result_code",
        CODE,
    ),
    **_names(
        "message msg detail details status_msg error_msg errormsg errmsg err_msg error_message errormessage error_description description title raw "
        "readablemessage localized_message fault faultstring cause body response response_body errorbody failure_reason status_message "
        "statusmessage text info hint upstream_error provider_error original_error exception ret_msg retmsg resultmsg err_info error_info "
        "errors zh_message fail_reason failreason refusal",
        MESSAGE,
    ),
    **_names("status status_code statuscode http_code http_status httpstatus httpstatuscode", STATUS),
    **_names(
        "retrydelay retry_delay retry_after retryafter retry-after retry_after_seconds retryafterseconds estimated_time retry_in resets_in_seconds "
        "resets_at reset_at resetsat reset_time resettime x-ratelimit-reset x-rate-limit-reset retry_after_s",
        WAIT,
    ),
    **_names("retry_after_ms retryafterms retry-after-ms", WAIT_MS),
    "error": EITHER,
    "err": EITHER,
    # the caller's own words, and what only looks like an error
    **_names(
        "param params request_id requestid id model failed_generation messages prompt content usage user_id provider_name links help url instance "
        "content_filter_result content_filter_results safety_ratings safetyratings stack loc ctx choices timestamp "
        "input output tools tool_calls arguments documentation_url safety_identifier trace_id traceid log_id logid extendedhelp "
        "quotadimensions object created data embedding citations system_fingerprint owner docs request headers previous_errors metadata_raw",
        SKIP,
    ),
}
