"""The words of passing faults, and at last the bare names of statuses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sparekey.classify.model import MODEL, PERMANENT, TRANSIENT, meaning

if TYPE_CHECKING:
    from sparekey.classify.model import Meaning

# "May be temporarily unavailable" does not make a refused key a passing fault: soft words are not believed under 401, 402 and 403.
_SOFT: Final = frozenset({0, 200, 400, 404, 408, 409, 412, 422, 423, 424, 425, 429, 498, 499, *range(500, 600)})

FAULTS: Final[tuple[tuple[Meaning, tuple[str, ...]], ...]] = (
    (
        meaning(TRANSIENT, "connection", "network: nothing was reached", unreached=True),
        (
            "connect (econnrefused|ehostunreach|enetunreach|etimedout)",
            "(econnrefused|ehostunreach|enetunreach|enotfound|eai again|enetdown|ehostdown)",
            "connection (|was |is |has been )refused",
            "fetch failed",
            "connection to * refused",
            "(failed|unable|fail) to (connect|establish|reach|resolve)",
            "(could not|cannot|can't) (connect|resolve|reach)",
            "(no route to host|network is unreachable)",
            "(name or service not known|nodename nor servname|failure in name resolution|getaddrinfo|name resolution|dns)",
            "(connect timeout|reason: connect)",
        ),
    ),
    (
        meaning(TRANSIENT, "connection", "network"),
        (
            "(econnreset|econnaborted|epipe)",
            "connection (|was |is |has been |had been |)(reset|closed|aborted|error|lost|dropped|broken|terminated|failed|failure|interrupted|forcibly)",
            "connection to * (reset|failed|closed)",
            "(server|peer|remote|host|upstream) (has |)closed (|the )connection",
            "connecting to (|the |its )(upstream|server|host|backend|provider)",
            "socket (hang up|closed|connection|error|hangup|exception)",
            "fetch failed",
            "failed to fetch",
            "network (error|is unreachable|unreachable|failure|request failed|connection)",
            "remote (end closed|host closed|protocol|disconnected)",
            "server disconnected",
            "peer closed",
            "broken pipe",
            "(premature|prematurely) (close|closed|end)",
            "(unexpected|incomplete) (eof|end of|chunked|read)",
            "eof occurred",
            "(ssl|tls) (handshake|error|certificate|protocol|connection|exception|routines|wrong|alert)",
            "certificate verify failed",
            "incomplete chunked read",
            "stream (disconnected|closed|ended|interrupted|reset|error|was reset)",
            "upstream (connect|connection|prematurely)",
            "max retries exceeded",
            "response ended prematurely",
            "(payload|response|body) is not completed",
            "wrong version number",
        ),
    ),
    (
        meaning(TRANSIENT, "timeout", "all"),
        (
            "timed out",
            "timeout",
            "time out",
            "deadline exceeded",
            "deadlineexceeded",
            "took too long",
            "too slow to respond",
            "operation was aborted",
        ),
    ),
    (
        meaning(TRANSIENT, "model_loading", "huggingface, ollama, vllm", statuses=_SOFT),
        (
            "(model|server|service|instance|worker|engine) * (is |)(|currently |still )(loading|starting|warming|initializing|booting|being loaded|not ready|waking)",
            "loading model",
            "model (is |was |has been |has )(unloaded|not loaded|crashed)",
            "cold start",
            "scaling up",
            "scaled to zero",
        ),
    ),
    (
        meaning(TRANSIENT, "overloaded", "anthropic, openai, gemini, mistral, together, fireworks", statuses=_SOFT),
        (
            "overload",
            "high (demand|load|traffic|usage)",
            "heavy (load|traffic|usage|demand)",
            "capacity (is |has been |)(exceeded|exhausted|reached|full|temporarily)",
            "(no|insufficient|out of|lack of|limited|at|over) capacity",
            "(capacity|at capacity|over capacity|capacity exceeded|no capacity|insufficient capacity|out of capacity|lack of capacity)",
            "(server|model|service|system|engine|node|worker|upstream|we|is|are|too|currently|gpu|cluster) (|is |are |too |currently |very |so )busy",
            "saturated",
            "queue (is |)(full|exceeded|limit)",
            "(queue|pending|waiting) (size|length|requests) * (exceed|full|limit)",
            "no (|healthy |available )(upstream|server|worker|instance|node|replica|gpu|backend)",
            "(servers|workers|instances) available",
            "exhausted resources",
        ),
    ),
    (
        meaning(TRANSIENT, "unavailable", "many", statuses=_SOFT),
        (
            "(service|server|model|api|endpoint|system|inference|upstream|provider|host|deployment|request|resource|feature|session|account) * (unavailable|maintenance|paused|outage|down for|is down|not responding|interrupted)",
            "temporar(y|ily) * (unavailable|error|issue|failure|outage|problem|down)",
            "unavailable",
            "under maintenance",
            "unable to process your request",
            "(could not|cannot|can't|couldn't|failed to) (be processed|be completed|process this request) at this time",
            "try again (|in |a |few |some )(later|shortly|soon|moment|minute|second)",
            "deployment failed while serving",
            "please (retry|try again)(|$)",
        ),
    ),
    (
        meaning(TRANSIENT, "server_error", "all"),
        (
            "internal (|server |service |system |model |inference |api |network |algorithm |)(error|failure|exception)",
            "(server|backend|upstream|system|inference|engine|gateway|worker) (|had |encountered |has |had an |encountered an |returned an |side |internal )(error|errors|failure|fault|exception|crashed|crash)",
            "server had an error",
            "bad gateway",
            "gateway (error|fail)",
            "internal error",
            "unknown connection issue",
            "unexpected (server |)(error|exception) (|on|in|from)(server|backend)",
            "out of memory",
            "cuda (error|out)",
            "runner process (has terminated|no longer)",
            "something went wrong (on|while processing|with)",
            "model error",
            "error on (our|the server)",
            "our (side|end|servers)",
        ),
    ),
)

LAST: Final[tuple[tuple[Meaning, tuple[str, ...]], ...]] = (
    (meaning(TRANSIENT, "rate_limited", "a limit of which nothing more is said"), ("limit (|has been |was |is )(exceeded|reached)",)),
    (meaning(PERMANENT, "bad_parameter", "the name of 400"), ("bad request",)),
    (meaning(MODEL, "path_not_found", "the name of 404"), ("404 not found", "page not found", "detail not found")),
)
