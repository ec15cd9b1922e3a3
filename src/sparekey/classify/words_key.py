"""The words of providers about credentials; after those of `words_size`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sparekey.classify.model import AUTH, MODEL, QUOTA, meaning
from sparekey.types import Scope

if TYPE_CHECKING:
    from sparekey.classify.model import Meaning

CLIENT_ERROR: Final = frozenset({0, 200, *range(400, 500)})
"""A gateway's page about a server that it could not reach mentions firewalls, too."""

KEYS: Final[tuple[tuple[Meaning, tuple[str, ...]], ...]] = (
    (
        meaning(AUTH, "region_blocked", "openai, gemini, anthropic, cohere"),
        (
            "(country|region|territory|location|location) * (is |are |)not (supported|available|allowed|permitted|served)",
            "unsupported (country|region|location)",
            "(not|isn't|unavailable) (|yet |currently )(available|supported|allowed|permitted|offered|) (in|for|from) (your|this|the|my) (country|region|location|area|territory)",
            "(access|request) * (prohibited|restricted|blocked|denied) (in|from) (your |this )(country|region|location)",
            "geo (block|restrict)",
        ),
    ),
    (
        meaning(AUTH, "ip_blocked", "azure, cloudflare, jina, openai"),
        (
            "your (computer|network|ip|ip address|connection) * (may be|is|was|has been|appears) (sending|blocked|flagged|banned|suspicious)",
            "(ip|ip address|address|network) * (not allowed|not authorized|not permitted|blocked|whitelist|white list|allowlist|allow list|banned|denied|blacklist|not in the)",
            "network reputation",
            "automated queries",
            "unusual traffic",
            "just a moment",
            "attention required",
            "verify you are (a |)human",
            "checking your browser",
            "enable javascript and cookies",
            "you have been blocked",
            "your request was blocked",
            "access * blocked by (cloudflare|security|waf)",
        ),
    ),
    (
        meaning(AUTH, "ip_blocked", "azure: a resource that is closed to this network", statuses=CLIENT_ERROR),
        ("(firewall|virtual network|private endpoint|public network access)", "approved ip"),
    ),
    (
        meaning(AUTH, "invalid_key", "gemini, proxies; de es fr pt ru"),
        (
            "(pass|use|provide|supply|enter|give|send) (|a |an |your |the )(valid|correct|working|active) (|api |access )(key|token|credential)",
            "(key|token|credential|credentials) (is |has been |was |have been |were |)(revoked|deleted|disabled|blocked|deactivated|cancelled|withdrawn|removed|archived|inactive|not active|no longer valid)",
            "(key|token) belongs to * (archived|deleted|disabled|suspended|deactivated)",
            "(schlüssel|api key|token|zugangsdaten) (|ist |sind |wurde )(ungültig|abgelaufen|gesperrt|widerrufen|falsch)",
            "(ungültiger|falscher|abgelaufener) (|api )(schlüssel|key|token)",
            "(clave|llave|token|credenciales|chave) (|de |da )(|api |acceso |la api )(no válida|no válido|inválida|inválido|incorrecta|caducada|expirada|expirou|revocada|revogada)",
            "(clé|jeton|identifiants) (|d'|de l'|d’)(|api |accès )(invalide|invalides|expirée|expiré|incorrecte|révoquée|non valide)",
            "(неверный|недействительный|просроченный|неправильный) (|api )(ключ|токен|api ключ)",
            "(ключ|токен) (|api )(недействителен|истек|отозван|заблокирован|неверен)",
        ),
    ),
    (
        meaning(AUTH, "subscription_expired", "all", scope=Scope.ACCOUNT),
        ("subscription (has |is |was |)(ended|expired|cancelled|lapsed|inactive)",),
    ),
    (
        meaning(QUOTA, "insufficient_balance", "de es fr pt ru"),
        (
            "(guthaben|kontingent) (|ist |wurde )(aufgebraucht|leer|nicht ausreichend)",
            "(saldo|fondos|cuota|cota) (insuficiente|insuficientes|agotado|agotada|esgotado|esgotada)",
            "crédits épuisés",
            "(guthaben|kontingent) (|ist |wurde )(aufgebraucht|erschöpft|leer|nicht ausreichend)",
            "(saldo|crédito|créditos|fondos|cuota|cota) (insuficiente|insuficientes|agotado|agotados|agotada|esgotado|esgotada|esgotados)",
            "(crédits|solde|quota) (|est |sont )(épuisés|épuisé|insuffisant|insuffisants)",
            "(недостаточно|закончились|исчерпан|исчерпана) (средств|кредитов|баланс|квота|лимит)",
        ),
    ),
    (
        meaning(MODEL, "model_not_found", "de es fr pt ru"),
        (
            "modell * (existiert nicht|nicht gefunden)",
            "modelo * (no existe|no encontrado|no disponible)",
            "modelo * (no existe|no encontrado|no disponible|não existe|não encontrado|não está disponível)",
            "modèle * (n'existe pas|introuvable|n'est pas disponible)",
            "модель * (не существует|не найдена|недоступна)",
        ),
    ),
    (
        meaning(AUTH, "api_disabled", "google"),
        ("api has not been used", "(api|service) (is |has been |)(disabled|not enabled)", "accessnotconfigured", "enable it by visiting"),
    ),
    (
        meaning(AUTH, "expired_key", "anthropic, github, zhipu, xai"),
        (
            "(api key|apikey|token|key|credential|credentials|certificate|signature|session|login|authorization) (|is |has |have |was |had |are |has been |)(|been |already |)expired",
            "expired (|api |access |auth |security |oauth |session |bearer )(key|token|credential|signature|session|certificate)",
            "(token|credential|key|security token|signature) * (is|has) expired",
        ),
    ),
    (
        meaning(AUTH, "invalid_key", "all"),
        (
            "(invalid|incorrect|wrong|malformed|revoked|bad|unknown|unrecognized|illegal|inactive) (|or missing |or expired |x |openai |api |provided |your |the )(api key|apikey|api token|access token|auth token|authentication token|authorization token|bearer token|security token|id token|jwt|token provided|subscription key|access key|secret|authentication|credential|bearer|authorization|signature|auth|key provided|key format|iam)",
            "(invalid|incorrect) (api |access |x api |)key",
            "(invalid|incorrect|unknown) token$",
            "(api key|apikey|api token|access token|token|auth token|bearer token|access key|secret key|authorization header|api secret|authorization|credential|credentials) * (is invalid|is incorrect|invalid|not valid|isn't valid|incorrect|revoked|leaked|is wrong|not recognized|does not exist|doesn't exist|not match|mismatch|unknown|malformed|has been deleted|has been disabled|has been blocked|has been suspended|has been revoked|was deleted|was disabled|was blocked|was reported|is disabled|is blocked|is deleted|is not active|is inactive|was not found|not found|not supported|verification failed|could not be verified|could not be validated|rejected|unauthorized|not accepted|deactivated)",
            "(api keys|api key) (are|is) not supported",
            "(could not|cannot|can't|unable to|failed to|fail to) (|be )(validate|verify|authenticate|authorize|decode|validated|authenticated) (|your |the |this )(|api |access |auth |provided )(credential|key|token|user|request|client|identity|jwt|account)",
            "(authentication|authorization) (fail|failed|fails|error|required|failure|is required|unsuccessful|denied|invalid)",
            "authenticationfailed",
            "(authenticate|authentication|authorization) (is |)(required|needed|missing|fail)",
            "(please|must|need to|not) (|be )(authenticate|login|log in|sign in|logged in|signed in|authenticated)",
            "(signature|secret) * (does not match|doesn't match|mismatch|not match|calculated|invalid|incorrect)",
            "unauthenticated",
            "illegal header value",
            "invalid user",
            "user not found",
            "mismatched organization",
            "should match organization",
            "no auth credentials",
        ),
    ),
    (
        meaning(AUTH, "missing_key", "openai, zhipu, openrouter, google"),
        (
            "(missing|no|empty|without|absent|lacks|provide|supply|specify|set|add|need|requires|require|required|configure|find|found|provided) (|a |an |the |your |any |valid |required |a valid |or |provide |to provide |or empty )(|x |bearer |openai |basic )(api key|apikey|api token|access token|auth token|bearer token|authorization|authentication|credential|credentials|auth header|bearer|api keys|auth)",
            "(api key|apikey|credential|credentials|access token|authorization header|authorization|token) (|was |were |is |are |must be |has |have |should be |value is |environment variable is )(missing|not provided|required|empty|not set|not found|not specified|not present|provided|none|absent|not configured|supplied)",
            "(environment variable|env var) (is |)(missing|not set|empty)",
            "default credentials",
            "api key * (environment variable|must be set|required)",
            "(didn't|did not|haven't|not) provide(|d) an api key",
        ),
    ),
    (
        meaning(AUTH, "permission_denied", "all"),
        (
            "permission * (denied|required|missing|insufficient)",
            "(insufficient|missing|lack|lacks|without|no|not have|need|requires|required|doesn't have|necessary|sufficient) (|the |any |required |necessary |sufficient |enough )(permission|privilege|scope|role|access right|data action)",
            "(not|un) (authorized|authorised|permitted|allowed|entitled) (to|for) (access|perform|use|call|invoke|make|do|this|the|request|operation|view)",
            "not (authorized|authorised)",
            "do(|es) not have access",
            "don't have access",
            "access (|is |was |has been )(denied|forbidden|restricted|not allowed|prohibited|refused|disabled)",
            "access to * (denied|forbidden|restricted|not allowed|prohibited|refused|disabled)",
            "accessdenied",
            "(disabled|turned off|revoked|restricted|no longer have) * access",
            "only available (for|to|in|on)",
            "is not available (on|in|for|with) * (plan|tier|subscription|account)",
            "marketplace subscription",
            "requires (a |an |)(paid|pro|higher|enterprise|premium) (plan|subscription|account|tier)",
            "(subscribe|upgrade) to (access|use|unlock)",
        ),
    ),
)

# After every language: what stands beside a status says nothing if anything else is said.
STATUS_NAMES: Final[tuple[tuple[Meaning, tuple[str, ...]], ...]] = (
    (meaning(AUTH, "invalid_key", "the name of 401"), ("unauthori(z|s)ed",)),
    (meaning(AUTH, "permission_denied", "the name of 403"), ("forbidden",)),
)
