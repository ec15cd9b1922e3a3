"""The words of providers, most telling first: the earliest row whose phrase stands in the text decides (see `phrases` for the notation).

The order is the judgement: what the text says about money, the account, the content or the size is told before the numbers around it, and a
broad word ("not supported") comes after every narrow one. Rows name causes as several providers word them; what only one vendor says and nobody
would guess is in `providers`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sparekey.classify.model import AUTH, CONTENT, LARGE, PERMANENT, QUOTA, TRANSIENT, meaning
from sparekey.types import Scope

if TYPE_CHECKING:
    from sparekey.classify.model import Meaning

NO_CLIENT_ERROR: Final = frozenset({0, 200, *range(500, 600)})
"""Where broken JSON is the answer's: under 4xx it is the request's."""

FIRST: Final[tuple[tuple[Meaning, tuple[str, ...]], ...]] = (
    # --- what would be misread by everything below ---
    (
        meaning(TRANSIENT, "bad_response", "browsers, node and python, parsing an answer that is no JSON", statuses=NO_CLIENT_ERROR),
        ("unexpected token", "unexpected end of json", "unexpected character", "expecting value * line * column"),
    ),
    (
        meaning(TRANSIENT, "bad_response", "kong, vercel, portkey: what is invalid is the answer, not the request"),
        (
            "invalid response (was |)(received|returned|from)",
            "(invalid|malformed|unexpected|unparsable) (error|api|json|server|upstream|provider|http|backend) response",
        ),
    ),
    (
        meaning(AUTH, "missing_key", "dify"),
        ("no (|valid |valid model provider )credentials", "(incorrect|invalid|wrong) api (user|secret|id)"),
    ),
    (
        meaning(PERMANENT, "unsupported_feature", "openrouter"),
        ("no endpoints found that (support|can handle)", "no endpoints found that match your data policy"),
    ),
    (
        meaning(PERMANENT, "resource_fetch_failed", "volcengine, openai, anthropic"),
        (
            "(timeout|timed out|time out) while (download|fetch|load)",
            "(fail|failed|unable|error|could not|cannot|can't) (|to |while )(download|fetch|downloading|fetching) * (image|url|resource|file|video|audio|media)",
            "(image|media|file|video|audio) download (fail|time)",
            "error while downloading",
        ),
    ),
    (
        meaning(PERMANENT, "generation_failed", "groq"),
        ("failed to generate json", "failed to call a function", "tool call validation failed", "failed generation"),
    ),
    (
        meaning(PERMANENT, "bad_schema", "openai"),
        ("invalid schema", "invalid json schema", "invalid function parameters", "schema is (not valid|invalid|not supported|too)"),
    ),
    (
        meaning(PERMANENT, "malformed_json", "openai, aws"),
        (
            "could not parse the json body",
            "(request )(body|payload) (is not|is not a|is not an) valid",
            "the request body is not valid json",
            "failed to (deserialize|parse) * (body|json|request)",
            "(invalid|malformed) json",
            "json decode error",
            "is not json serializable",
        ),
    ),
    (
        meaning(PERMANENT, "bad_parameter", "pydantic"),
        (
            "extra inputs are not permitted",
            "extra fields not permitted",
            "extra forbidden",
            "input should be (greater|a valid|an |one of|less than or equal to|~|either|valid)",
        ),
    ),
    # --- the account as a whole ---
    (
        meaning(AUTH, "account_overdue", "dashscope, volcengine", scope=Scope.ACCOUNT),
        (
            "overdue",
            "arrear",
            "good standing",
            "unpaid (invoice|bill|balance)",
            "past due",
            "payment * (failed|declined)",
            "outstanding (balance|invoice)",
        ),
    ),
    (
        meaning(AUTH, "account_suspended", "openai, anthropic, gemini, groq, azure", scope=Scope.ACCOUNT),
        (
            "(account|organization|organisation|workspace|project|tenant|subscription|team|user|consumer|service|profile) * (has been|is|was|been|are|were|got) (|temporarily |permanently |currently |)(deactivated|suspended|disabled|restricted|terminated|banned|deleted|frozen|locked|closed|blocked|inactive|cancelled|canceled)",
            "(deactivated|suspended|disabled|banned|frozen|terminated|locked|inactive) (account|organization|workspace|project|user)",
            "(account|organization|project|user) (deactivated|suspended|disabled|banned|frozen|terminated|locked)",
            "violation of (|our |the )terms",
            "violat * terms of (service|use)",
            "resource has been (|temporarily |permanently )blocked",
            "suspended due to",
            "access terminated",
            "(organization|account|project|workspace|administrator|admin) has (disabled|revoked|suspended|blocked)",
        ),
    ),
    (
        meaning(AUTH, "billing_not_active", "openai, google", scope=Scope.ACCOUNT),
        (
            "account is not active",
            "billing (is |)(not active|inactive|disabled|not enabled|account is closed|account is disabled)",
            "billing (has not been|must be|to be|needs to be) enabled",
            "enable billing",
            "requires billing to be enabled",
        ),
    ),
    (
        meaning(AUTH, "org_unverified", "openai, aliyun, volcengine", scope=Scope.ACCOUNT),
        (
            "(organization|account|identity|email|phone|phone number|user) (must|has to|needs to|should) be verified",
            "(organization|account|email|phone|phone number|user) (is |has |)(not|not yet|not been) verified",
            "(complete|pass|finish) * (real name|identity) (verif|authent)",
            "real name (verif|authent)",
            "unverified (account|organization|email|user)",
            "verify (|your |the )(account|organization|email|phone|identity)",
        ),
    ),
    # --- content ---
    (
        meaning(CONTENT, "moderation", "azure, openai, dashscope, cohere, deepseek, moonshot, xai, bedrock"),
        (
            "content management policy",
            "content filter",
            "content policy",
            "contentpolicyviolation",
            "content safety",
            "content moderation",
            "content security",
            "content (exists|contains|has) risk",
            "considered high risk",
            "high risk content",
            "responsible ai",
            "responsibleaipolicy",
            "safety (system|filter|setting|check|polic|reason|violation|guideline|guard)",
            "(blocked|rejected|refused|filtered|flagged|stopped|denied) (by|due to|because of|for|as a result of) * (safety|content|moderation|polic|guardrail|sensitive|harm)",
            "(prompt|input|output|request|response|content|text|image|message) * (was|has been|were|been|is|may be) (flagged|filtered)",
            "flagged (as|by|for)",
            "flagged input",
            "violat * (usage|content|use|acceptable use|community|safety|generative ai) (policy|policies|polic|guideline|standard|rule|principle)",
            "violat * (our|the|openai's|their|your) (policy|policies|guideline|content rules|standards)",
            "violative",
            "(policy|guideline|guidelines|policies) violation",
            "blocked (output|prompt|content)",
            "blocked: (prompt|response|content|safety|other)",
            "(output|prompt|content|completion|generation) (was |is |has been |)blocked",
            "(prohibited|disallowed|inappropriate|unsafe|harmful|offensive|illegal|objectionable|nsfw) (content|use|information|material|text|language|input|prompt|image)",
            "(sensitive|risky|unsafe) (content|information|word|data|topic|text|material|term)",
            "data inspection",
            "datainspectionfailed",
            "moderation",
            "recitation",
            "copyright",
            "infring",
            "guardrail",
            "block reason",
            "blockedreason",
            "blocklist",
            "harm category",
            "jailbreak",
            "unable to respond to this request",
            "not allowed by our",
            "model refused",
        ),
    ),
    # --- the request is bigger than the limit, not the traffic ---
    (
        meaning(LARGE, "request_over_limit", "openai, groq, azure"),
        ("request too large", "request is too large", "single request exceed", "request exceeds the (token|tokens) limit"),
    ),
    (
        meaning(TRANSIENT, "overloaded", "azure, litellm (its deployments cool down)"),
        (
            "no deployments available * try again in",
            "experiencing (|very |unusually |extremely )high (demand|load|traffic)",
            "during peak load",
        ),
    ),
    # --- allowances that last longer than a wait ---
    (
        meaning(QUOTA, "daily_quota", "openai, groq, gemini, openrouter, bedrock, azure"),
        (
            "(per|a|each|every) day",
            "(daily|day) (|api |request |requests |token |tokens |message |usage |free |rate |call |spend )(limit|quota|allowance|cap|allocation|allotment|request|budget)",
            "(per|requests|tokens|free) daily",
            "(rpd|tpd)",
            "(/|/ )day",
            "(limit|quota|exceeded) for (today|the day|this week|this month)",
            "today's (limit|quota)",
            "(24 hour|24h|24 hrs)",
            "perday",
            "daily rate limit",
        ),
    ),
    (
        meaning(QUOTA, "period_quota", "volcengine, anthropic, mistral, huggingface, kiro, cohere"),
        (
            "(per|a|each|this|current) (month|week|billing cycle|billing period)",
            "(monthly|weekly|hourly|5 hour|five hour|annual|yearly) (|api |request |requests |token |tokens |message |usage |free |rate |call |spend |spending |included )(limit|quota|allowance|cap|allocation|request|credit|usage|budget)",
            "(monthly|weekly|hourly|yearly)/",
            "/(monthly|weekly|hour)",
            "month request count",
            "(trial|free) (key|plan|account) * limit * month",
            "calls / month",
            "(hour|day|week|month|usage) allocated quota",
        ),
    ),
    (
        meaning(TRANSIENT, "rate_limited", "vertex, openai: whatever else is called a quota"),
        (
            "per (minute|min|second|sec)",
            "(perminute|persecond)",
            "per (60s|60 sec|10s|1m|1s|1 minute|1 second)",
            "/ (min|minute|sec|second)",
            "/(min|minute|sec|second)",
        ),
    ),
    (
        meaning(QUOTA, "insufficient_balance", "anthropic, deepseek, minimax, zhipu, jina, openrouter, xai, together, fireworks"),
        (
            "insufficient (|account |available |remaining |user |your |prepaid |api |token |free )(balance|quota|credit|fund|resource|tokens balance|money|allowance)",
            "insufficient balance",
            "insufficientquota",
            "(balance|credit|credits|funds|quota|wallet|allowance|resource pack|package|token pack|tokens balance) * (is|are|was|were|too|has|have|been|) (too low|low|not enough|insufficient|exhausted|depleted|negative|empty|zero|used up|expired|run out|consumed|not sufficient)",
            "(credit|credits|quota|balance|wallet) (exhausted|depleted|insufficient|low|used up|expired)",
            "(not enough|no|no more|lack of|without|zero|0) (|api |available |remaining |sufficient |prepaid |free |account )(balance|credit|credits|funds|quota|resource package)",
            "(out of|ran out of|run out of|running out of|exhausted) (|your |all |the |available |its )(|api |free |account |prepaid |monthly |daily |available )(credit|fund|quota|balance|budget)",
            "credit balance",
            "account balance",
            "requires (more|additional) (credit|fund|balance)",
            "(balance|credit|credits|funds) (must|should|has to|have to|needs to|need to) be",
            "(purchase|buy|add|top up|deposit|need|get) (|more |some |additional |extra |prepaid )(credit|fund|balance|money|token pack)",
            "(please|to) (recharge|top up|deposit)",
            "recharge (|your |the )(account|balance|wallet)",
            "payment required",
            "prepayment",
            "can only afford",
            "arrearage",
            "no resource package",
            "extra usage is required",
        ),
    ),
    (
        meaning(QUOTA, "spend_limit", "openai, anthropic, openrouter, litellm, volcengine"),
        (
            "(budget|spend|spending|cost|billing|expense) * (exceeded|reached|hit|exhausted|over|crossed)",
            "(exceed|exceeded|exceeds|exceeding|reached|hit|crossed|crosses|over|past) * (budget|spend|spending|billing) (|hard |monthly |usage |soft )(limit|cap|threshold|quota)",
            "(exceed|exceeded|crossed|over|reached|exhausted) (|the |your |its |max |maximum |)budget",
            "max budget",
            "hard limit",
            "billing (hard |soft )(limit|cap)",
            "(spend|spending|cost|expense|consumption) (limit|cap|quota|control)",
            "(key|wallet|plan|total) limit (exceeded|reached|hit)",
            "(key|wallet|plan|subscription) limit",
            "prompt tokens limit exceeded",
            "set inference limit",
            "safe experience mode",
        ),
    ),
    (
        meaning(QUOTA, "free_tier_exhausted", "dashscope, siliconflow, cloudflare, github"),
        (
            "free allocated quota",
            "free (credit|credits|tier) * (restricted|not available|disabled)",
            "(tier|plan|trial|allowance|package) * (has been|is|was|been) (exhausted|used up|depleted)",
            "free (tier|quota|usage|trial|allocation|plan|credit|credits|token|tokens|request|requests|neurons|allowance) * (exhaust|exceed|used|reached|expired|ended|run out|over|depleted|finish)",
            "(exhausted|used up|used all|exceeded|reached|consumed|exceeds) * free (tier|quota|usage|trial|allocation|plan|credit|token|request|allowance)",
            "trial (|period |key |account |credits |quota |has |is )(expired|ended|over|exhausted|used|has ended|has expired)",
            "free trial (expired|ended|is over|has)",
        ),
    ),
    (
        meaning(QUOTA, "usage_limit", "openai, anthropic, cursor, copilot"),
        (
            "(usage|session|plan|subscription|premium request|premium requests|weekly|message|conversation) (limit|limits|cap|allowance|quota) * (reached|hit|exceeded|exhausted|used up|reset|upgrade)",
            "(reached|hit|exceeded|exhausted|used up|over) (your|the|its|all|their) * (usage|session|plan|subscription|specified api usage|message|premium request|allocated|allotted|included) (limit|limits|cap|quota|allowance|credits|request)",
            "(specified api |)usage limit",
            "regain access on",
            "exceeded your (|current |assigned |allocated |allotted |total |included )quota",
            "quota (used up|used|has been used up|exhausted|depleted|ran out|has run out|is exhausted)",
            "(upgrade|check) (|to |your ) * plan (and|or) (billing|credit)",
        ),
    ),
    # --- the rate ---
    (
        meaning(TRANSIENT, "rate_limited", "dashscope: tokens per second or minute, despite the name", scope=Scope.ACCOUNT),
        ("allocated quota exceeded",),
    ),
    (
        meaning(TRANSIENT, "rate_limited", "all", scope=Scope.ACCOUNT),
        (
            "(organization|account|team|project|user|tenant) (max |level |wide |)(rpm|tpm|qps|rate limit|concurrency)",
            "rate limit * in organization",
            "rate limit * for your (account|organization|team|project)",
        ),
    ),
    (
        meaning(TRANSIENT, "concurrency", "moonshot, zhipu, volcengine, cohere, deepgram"),
        (
            "concurrency",
            "concurrent (request|connection|call|session|job)",
            "parallel request",
            "inflight",
            "too many (simultaneous|parallel|ongoing|open|pending|active)",
        ),
    ),
    (
        meaning(TRANSIENT, "rate_limited", "all"),
        (
            "rate limit",
            "ratelimit",
            "rate (|is |was |has been |)(limited|exceeded|exceeds|too)",
            "too many (|api |http |recent )(requests|calls|queries|attempts|tokens, please wait|retries|qps)",
            "(per|a|each) (minute|min|second|sec)",
            "(perminute|persecond)",
            "queries per",
            "(rpm|tpm|qps|tps|rps|qpm|tpm) (limit|exceed|quota)",
            "(limit|limits|exceed|exceeded|exceeds|max|reached|of|over) * (rpm|tpm|qps|tps|rps|qpm)",
            "throttl",
            "slow down",
            "too (fast|frequent|quickly|often)",
            "(request|requests|call|calls|access|traffic) (frequency|burst|rate)",
            "(request|requests|traffic) (is |are |was |were |has been |have been |)(throttled|limited|limit exceeded)",
            "(are|is) currently limited",
            "request limit (exceeded|reached)",
            "requests have exceeded",
            "(reduce|lower|decrease|control|limit) (|your |the )(request|call|query) (rate|frequency|volume)",
            "quota exceeded for",
            "resource has been exhausted",
        ),
    ),
    (
        meaning(QUOTA, "quota_exceeded", "many"),
        (
            "quota * (exceeded|exceed|exhausted|reached|limit|depleted|insufficient|not enough)",
            "(exceed|exceeded|exceeds|exceeding|exhausted|reached|over|insufficient|no remaining|out of) * quota",
            "quota limit",
            "(limit|limits) (has been |have been |was |)(reached|hit) * (upgrade|plan|subscribe|subscription|pro|billing)",
            "you have reached (the|your) limit",
            "(account|organization|team|project|workspace|user|key) * has (hit|reached|exceeded) (the|your|its|all) * limit",
            "(you've|you have|your account has) (hit|reached|exceeded|used) (your|the|all) * (limit|allowance|quota)",
            "upgrade your (plan|account|subscription|tier)",
        ),
    ),
)
