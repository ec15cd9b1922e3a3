"""Codes, types and exception names: what a provider's own vocabulary means, whoever the provider is.

A code is read as words (`AllocationQuota.FreeTierOnly` is "allocation quota free tier only"), so one row covers `insufficient_quota`,
`InsufficientQuota` and `INSUFFICIENT_QUOTA`. *Telling* codes decide before any text; *vague* ones (`rate_limit_exceeded` comes with daily quotas,
too) only after the text told nothing; *empty* ones (`invalid_request_error`, `api_error`) come last, because they are sent with anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sparekey.classify.model import AUTH, CONTENT, LARGE, MODEL, PERMANENT, QUOTA, TRANSIENT, meaning
from sparekey.types import Scope

if TYPE_CHECKING:
    from sparekey.classify.model import Meaning

TELLING: Final[tuple[tuple[Meaning, tuple[str, ...]], ...]] = (
    (
        meaning(CONTENT, "moderation", "azure, openai, dashscope, volcengine, gemini, bedrock", certain=True),
        (
            "content (filter|policy|moderation|safety|blocked|management|security|violation|risk)",
            "responsible ai",
            "(moderation|sensitive|safety|recitation|blocklist|guardrail|jailbreak|copyright|spii|profanity)",
            "data inspection",
            "prohibited content",
            "(input|output|prompt|text|image|video|audio) (sensitive|risk|moderation|blocked|unsafe)",
            "(inappropriate|unsafe|illegal|harmful) (content|input|image)",
            "(image|prompt) safety",
            "policy violation",
            "infring",
            "flagged",
            "risk (detection|control)",
            "blocked reason",
        ),
    ),
    (
        meaning(QUOTA, "insufficient_balance", "openai, volcengine, qianfan, hunyuan, deepseek", certain=True),
        (
            "insufficient (|account |user )(quota|balance|credit|fund|money|token quota)",
            "(balance|credit|credits) (not enough|insufficient|exhausted|depleted|empty|too low|used up)",
            "(not enough|no|out of) (|enough )(balance|credits)",
        ),
    ),
    (
        meaning(QUOTA, "insufficient_balance", "openai, volcengine, qianfan, hunyuan, deepseek"),
        (
            "(balance|credit|credits|quota|fund|funds|pkg|pack|package|allowance) (not enough|insufficient|exhausted|depleted|empty|too low|low|used up)",
            "(not enough|no|out of|low|zero|negative) (|enough )(balance|credit|quota|fund)",
            "(payment required|paymentrequired)",
            "resource (pack|package) (exhausted|insufficient)",
            "credit limit (exceeded|reached)",
            "max credit",
        ),
    ),
    (meaning(TRANSIENT, "rate_limited", "gemini: a limit per minute, the free tier's as well"), ("per (minute|second)",)),
    (
        meaning(QUOTA, "free_tier_exhausted", "dashscope, opengateway"),
        ("free (tier|quota|trial|usage)", "(freetier|trial) (only|exhausted|exceeded|expired)", "trial (expired|ended)"),
    ),
    (
        meaning(QUOTA, "spend_limit", "openai, litellm", certain=True),
        ("budget exceeded", "billing hard limit reached", "usage limit (reached|exceeded)"),
    ),
    (
        meaning(QUOTA, "spend_limit", "openai, litellm, volcengine"),
        (
            "(budget|spend|spending|billing) (exceeded|limit|hard limit|cap|quota)",
            "billing hard limit reached",
            "set limit exceeded",
            "usage limit",
            "cost limit",
        ),
    ),
    (
        meaning(QUOTA, "period_quota", "gemini, volcengine, kiro, qianfan", certain=True),
        (
            "(per|a) (day|month|week)",
            "(daily|monthly|weekly|day|month|week) (|request |token |usage |free )(limit|quota|request|count|allocation|spend)",
            "out of quota",
        ),
    ),
    (
        meaning(AUTH, "account_overdue", "dashscope, volcengine", scope=Scope.ACCOUNT, certain=True),
        (
            "(arrearage|arrears|overdue|prepaid bill overdue|postpaid bill overdue)",
            "bill overdue",
            "(account|service) (overdue|in arrears|arrears)",
        ),
    ),
    (
        meaning(AUTH, "account_suspended", "openai, groq, gemini", scope=Scope.ACCOUNT, certain=True),
        (
            "(account|organization|consumer|workspace|team|tenant) (deactivated|suspended|disabled|restricted|terminated|banned|locked|frozen|deleted)",
            "billing (not active|inactive|disabled)",
        ),
    ),
    (
        meaning(AUTH, "account_suspended", "openai, groq, gemini", scope=Scope.ACCOUNT),
        (
            "(account|organization|project|user|consumer|workspace|team|tenant|service) (deactivated|suspended|disabled|restricted|terminated|banned|locked|frozen|deleted|blocked|invalid|inactive|not active)",
            "access terminated",
            "billing (not active|inactive|disabled)",
        ),
    ),
    (
        meaning(AUTH, "region_blocked", "openai, anthropic", certain=True),
        ("(unsupported|restricted) (country|region|location)", "(region|country|location) (not supported|blocked|restricted|not allowed)"),
    ),
    (
        meaning(AUTH, "invalid_key", "openai, google, aws, aliyun, hunyuan", certain=True),
        (
            "(invalid|incorrect|wrong|expired|revoked|missing|unknown|malformed) (|x )(api key|apikey|access key|access key id)",
            "api key (invalid|expired|missing|not found|disabled|revoked|not valid|suspended|leaked|required)",
            "unrecognized client exception",
            "signature does not match",
        ),
    ),
    (
        meaning(AUTH, "invalid_key", "openai, google, aws, aliyun, hunyuan"),
        (
            "(invalid|incorrect|bad|missing|expired|unknown|wrong|malformed|revoked|no|unrecognized) (|x |access |auth |security |bearer |client )(api key|apikey|access key|key id|token|access token|credential|credentials|secret|signature|authentication|authorization|auth|client token|client)",
            "api key (|service )(invalid|expired|missing|not found|blocked|disabled|revoked|not valid|suspended|leaked|required)",
            "(access token|security token|auth token|token|credentials|credential|signature|secret id|secret) (invalid|expired|missing|not found|failure|does not match|mismatch|incorrect|unavailable)",
            "unrecognized client",
            "signature (does not match|failure|expire|doesnotmatch)",
            "auth failure",
            "(authentication|authorization) (failed|failure|missing|required)",
            "incomplete signature",
            "key (leaked|revoked|expired|disabled)",
        ),
    ),
    (
        meaning(AUTH, "permission_denied", "google, aws, volcengine"),
        (
            "(iam|model) permission denied",
            "mismatched organization",
            "mismatched project",
            "(access|service) not configured",
            "(service|api) (disabled|not enabled)",
            "ip (not allowed|blocked|forbidden|whitelist|not authorized|not in whitelist)",
            "request forbidden",
            "insufficient (permission|scope|privilege)",
            "access token scope insufficient",
        ),
    ),
    (
        meaning(LARGE, "context_length", "openai, litellm, llama.cpp, mistral", certain=True),
        (
            "context (length|window|size|overflow|limit)",
            "exceed context",
            "(string|array|value|list) above max",
            "(string|value|text|list) too long",
            "(input|prompt|request|payload|body|entity|content|message|messages|file|image|document|tokens|token) (too large|too long|too big|length exceeded|size exceeded)",
            "(payload|request entity|request body) too large",
            "max (tokens|token|length|input) (exceeded|reached limit)",
            "(token|tokens|length|size|batch size|batch) exceeded",
            "(token|tokens|length|size|batch size|batch) limit exceeded",
            "too many (images|inputs|texts|items|documents|files)",
            "request too large",
            "string above max length",
            "length exceed",
        ),
    ),
    (
        meaning(PERMANENT, "unknown_reference", "openai", certain=True),
        ("(previous response|response|conversation|item|container|vector store) (|id )not found", "invalid encrypted content"),
    ),
    (
        meaning(MODEL, "deployment_not_found", "azure, volcengine: not what a request named, but what the credential is for", certain=True),
        ("deployment not found", "invalid endpoint or model not found", "model not open"),
    ),
    (
        # never certain: openai sends it when an organisation may not use a feature
        meaning(MODEL, "model_not_found", "openai, volcengine, azure, groq, dashscope"),
        (
            "model (|id |name |version |access )(not found|not exist|does not exist|not open|not available|decommissioned|deprecated|retired|not allowed|not supported|disabled|denied|invalid|not enabled|notfound|removed|not authorized|not loaded|unsupported|error not found|not ready in region)",
            "(unknown|invalid|unsupported|no such|nonexistent) model",
            "model (|currently )not support",
            "(deployment|endpoint|resource|engine) (|id )(not found|notfound|does not exist|not exist|closed|disabled|closedendpoint)",
            "invalid endpoint",
            "no available (model|channel|deployment)",
            "service model deprecated",
            "no models (provided|found)",
            "model id access disabled",
            "unpurchased",
            "not purchased",
        ),
    ),
    (
        meaning(TRANSIENT, "overloaded", "anthropic, gemini, volcengine, together", certain=True),
        (
            "overloaded",
            "(server|model|service|system|engine) (overload|overloaded|busy|capacity)",
            "capacity (exceeded|exhausted|unavailable)",
            "model capacity",
            "service tier capacity",
            "(too busy|server is busy)",
            "flex capacity",
        ),
    ),
    (
        meaning(TRANSIENT, "concurrency", "volcengine, zhipu, moonshot"),
        ("(concurrency|concurrent|inflight|parallel) ", "concurren"),
    ),
    (
        meaning(TRANSIENT, "rate_limited", "volcengine, aws, gemini"),
        (
            "(rpm|tpm|qps|qpm|ipm|tps) (|rate )(limit|exceeded)",
            "(per minute|per second)",
            "request burst",
            "too fast",
            "slow down",
            "burst (rate|limit)",
            "rate quota",
            "max rpm",
        ),
    ),
    (meaning(TRANSIENT, "model_loading", "vllm, aws"), ("model (loading|not ready|starting|is loading|warming)", "loading model")),
    (
        meaning(TRANSIENT, "timeout", "aws, azure, grpc"),
        (
            "(request|response|gateway|model|upstream|operation|read|connection|connect|server) (timeout|timed out|time out)",
            "deadline exceeded",
            "timeout",
        ),
    ),
    (
        meaning(TRANSIENT, "connection", "node, one-api"),
        (
            "(connection|connect|socket) (error|reset|refused|failed|closed|broken|aborted)",
            "upstream (connection|connect|reset|refused|failed|closed|timeout)",
            "(econnrefused|econnreset|enotfound|ehostunreach|etimedout|epipe)",
        ),
    ),
    (
        meaning(PERMANENT, "generation_failed", "groq", certain=True),
        ("(tool use|json validate) failed",),
    ),
    (
        meaning(PERMANENT, "bad_image", "openai, volcengine", certain=True),
        (
            "(invalid|unsupported) (image|base64|mime|file|video|audio|media)",
            "image (parse|format|decode|download) (error|failed|unsupported|invalid)",
        ),
    ),
)

VAGUE: Final[tuple[tuple[Meaning, tuple[str, ...]], ...]] = (
    (
        meaning(TRANSIENT, "rate_limited", "all"),
        (
            "throttl",
            "rate limit",
            "ratelimit",
            "rate limited",
            "too many requests",
            "toomanyrequests",
            "resource exhausted",
            "(limit|request limit|limits) (exceeded|reached|requests)",
            "limit requests",
            "limitation",
            "slow down",
        ),
    ),
    (
        meaning(AUTH, "invalid_key", "all"),
        (
            "(authentication|unauthenticated|unauthorized|unauthorised)",
            "auth(|entication|orization) (error|failed)",
            "not authenticated",
            "(invalid|expired) session",
        ),
    ),
    (
        meaning(AUTH, "permission_denied", "all"),
        (
            "permission (denied|error|denied error)",
            "permissiondenied",
            "access denied",
            "accessdenied",
            "forbidden",
            "not authorized",
            "authorization error",
            "unauthorized operation",
            "operation denied",
        ),
    ),
    (
        meaning(MODEL, "model_not_found", "all"),
        ("(not found|notfound)", "resource not found", "(does not|not) exist", "gone"),
    ),
    (
        meaning(TRANSIENT, "unavailable", "all"),
        (
            "(unavailable|service unavailable|serviceunavailable|temporarily unavailable)",
            "bad gateway",
            "not ready",
            "(aborted|data loss)",
            "gateway",
        ),
    ),
    (meaning(QUOTA, "quota_exceeded", "all"), ("quota", "billing", "payment", "credit")),
    (meaning(LARGE, "request_over_limit", "all"), ("tokens limit",)),
)

EMPTY: Final[tuple[tuple[Meaning, tuple[str, ...]], ...]] = (
    (
        meaning(PERMANENT, "bad_parameter", "openai, fastapi", certain=True),
        (
            "(unsupported|unknown|unrecognized|missing required|missing) (parameter|value|field)",
            "(invalid json|json invalid|json decode error|extra forbidden|invalid type|string type|int type|list type|dict type)",
        ),
    ),
    (
        meaning(PERMANENT, "bad_parameter", "all"),
        (
            "(invalid|bad|illegal|missing|unsupported|unprocessable|malformed|unknown|unexpected|incorrect|wrong) (|or missing |api |http )(request|parameter|param|params|argument|input|value|field|json|format|type|body|data|schema|content|prompt|property|operation|option|message|messages|function|tool|entity|url|header|role|image|response format)",
            "(validation|badrequest|invalidrequest|invalidparameter)",
            "bad request",
            "(missing|extra forbidden|value error|type error|string type|less than|greater than|unimplemented|not implemented|failed precondition|out of range|not supported)",
            "request (invalid|error|validation|params)",
            "(parameter|param|argument|input|request) (error|invalid|missing|illegal)",
            "(unsupported|method not allowed)",
            "serialization exception",
        ),
    ),
    (
        meaning(TRANSIENT, "server_error", "all"),
        (
            "(internal|server|api|service|system|backend|upstream|model|engine|unexpected|inference|gateway|provider|stream|network|fetch) (|server |service |returned |response |stream |internal )(error|failure|exception|fault)",
            "(internalerror|internalservererror|servererror|internal)",
            "internal failure",
        ),
    ),
)
