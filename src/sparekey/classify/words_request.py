"""The words of providers about a request that cannot be served as it is: after everything narrower, in any language."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sparekey.classify.model import PERMANENT, meaning

if TYPE_CHECKING:
    from sparekey.classify.model import Meaning

# Where a complaint about the request is believed: none known, success, 4xx of the request, and 500 (gateways wrap a 400 in it).
REQUEST_STATUSES: Final = frozenset({0, 200, 400, 404, 405, 406, 409, 411, 412, 413, 415, 422, 500})

REQUEST_FAULTS: Final[tuple[tuple[Meaning, tuple[str, ...]], ...]] = (
    (
        meaning(PERMANENT, "unknown_reference", "openai", statuses=REQUEST_STATUSES),
        (
            "(response|item|conversation|container|vector store) with id * not found",
            "no such (file|response|conversation|container|vector store) object",
            "encrypted content * could not be (verified|decrypted)",
        ),
    ),
    (
        meaning(PERMANENT, "bad_message_order", "openai, anthropic, gemini, moonshot, vllm, mistral", statuses=REQUEST_STATUSES),
        (
            "role(s|) must alternate",
            "must alternate",
            "tool use * (ids|id) * (without|found|must)",
            "tool (result|calls|call|call id|use) * (must|followed|without|missing|expected|corresponding|preceding|not found|did not)",
            "must be followed by tool",
            "(turn|turns) (comes|come) (immediately )after",
            "must be a response to a preceding message",
            "(first|last) message * (must|should|role|user)",
            "(expected|unexpected|invalid|incorrect) (|message |last )role",
            "(roles|role) * (must|should|invalid|unknown|order)",
            "no (user |)(query|message) found",
        ),
    ),
    (
        meaning(PERMANENT, "empty_input", "openai, anthropic, voyage, moonshot, bedrock", statuses=REQUEST_STATUSES),
        (
            "(must|should|can|may) (not|never) be (empty|blank|null|none)",
            "(cannot|can't|mustn't) (be|contain) (empty|blank|null|none)",
            "(must be|must have|be|is) non empty",
            "non empty (content|string|array|list|message|input)",
            "is (empty|blank)",
            "empty (string|content|input|message|prompt|messages|array|list|text)",
            "at least one (|input|message|text|content|item|document|user)",
        ),
    ),
    (
        meaning(PERMANENT, "bad_image", "openai, anthropic, volcengine", statuses=REQUEST_STATUSES),
        (
            "(could not|cannot|can't|unable to|failed to|error|fail to) (process|decode|read|load|parse|open|identify|processing|decoding|loading|validate) (|the |input |this |your |provided |base64 )(image|video|audio|file|media|pdf|document|base64)",
            "(image|video|audio|file|media|mime|document) (format|type|url|data) (is |)(not|invalid|unsupported|incorrect|illegal)",
            "(invalid|unsupported|corrupt|corrupted|bad|incorrect|unknown) (|or unsupported |base64 )(image|video|audio|file|media|mime|base64|pdf|content type)",
            "does not represent a valid image",
            "only image types",
        ),
    ),
    (
        meaning(PERMANENT, "unsupported_feature", "ollama, openai, azure, gemini, together", statuses=REQUEST_STATUSES | {501}),
        (
            "do(|es) not support",
            "doesn't support",
            "don't support",
            "not (supported|available|allowed|permitted|compatible|applicable|enabled|implemented) (with|for|by|on|when|in|together|unless) (|this |the |that |requested |your |current |your )(model|engine|api|endpoint|version|deployment|feature|response|embedding|provider|server|mode|operation|reasoning|thinking|tool|stream)",
            "unsupported (parameter|value|feature|argument|field|operation|option|type|format|tool|request|content|method|property|response|api version|media|encoding|modality)",
            "(feature|function calling|tool|tools|tool choice|streaming|stream|system|image input|images|vision|multimodal|json mode|response format|logprobs|reasoning|thinking|parameter|option|argument|mode|operation|method|encoding format|dimensions) * (is |are |)(not|not yet|only) (supported|available|allowed|enabled|implemented|permitted)",
            "(is|are) not (yet |currently |)(supported|implemented|allowed|permitted|available)",
            "not supported",
            "not implemented",
            "method not allowed",
            "support(s|) only",
            "only support(s|ed|)",
            "incompatible (with|parameter|request|argument)",
            "please use * instead",
            "requires (a |an |)(different|newer) (api version|model)",
        ),
    ),
    (
        meaning(PERMANENT, "bad_parameter", "all", statuses=REQUEST_STATUSES),
        (
            "invalid (|or missing |request |input |function |tool |chat )(type|value|request|parameter|param|params|argument|arguments|format|field|input|message|messages|url|content|property|enum|syntax|option|body|payload|setting|temperature|max tokens|tool|response format|character|prompt|role|roles|dimension|dimensions|encoding|data|size|number|language|voice|operation|header|properties|choice|id|file|reasoning)",
            "(parameter|param|params|argument|field|value|property|option|input|one or more parameters|request|setting|header) * (is|are|was|were|) (invalid|not valid|incorrect|illegal|unknown|missing|required|wrong|not allowed|not recognized|out of range|not permitted|unexpected|malformed|must|should|mandatory|unrecognized|not a valid|ill formed|specified)",
            "(input|value|this|it|parameter|temperature|top p|top k|n|max tokens|max completion tokens|frequency penalty|presence penalty|seed|dimensions) (should|must|has to|needs to|shall|can only|may only|ought to) be",
            "(must|should) be (one of|a |an |greater|less|between|at least|at most|in range|in the range|of type|either|provided|set|specified|positive|valid|equal|within|from|smaller|larger|true|false|null|string|object|array|integer|number|user|>)",
            "(missing|required|unknown|unexpected|unrecognized|unsupported|extra|duplicate|undefined|additional|mandatory|conflicting|invalid) (|required |request |key|keyword |input |named )(|body )(parameter|param|argument|field|property|properties|key|attribute|option|input|value|keyword|header|request argument|variable|role|name|type)",
            "(field|parameter|property|value|argument|input) (is |are |)(required|missing)",
            "is (a |)required",
            "(input|request|schema|body|data|parameter|field|payload|json) (validation|format|syntax) (error|failed|failure|fail|exception|issue)",
            "validation (error|errors|failed|failure|exception)",
            "failed to (validate|deserialize|parse|decode)",
            "(data|value) did not match",
            "(expected|expects|expecting) * (but|got|found|received|instead|to be)",
            "malformed",
            "illegal (param|argument|request|character|input)",
            "unprocessable",
            "out of range",
            "(cannot|can't|could not|can not|may not|must not) (|both )(be used|be specified|be set|be combined|be provided|use|specify|set|combine|process|parse|mix)",
            "mutually exclusive",
            "not allowed in",
            "(greater|less|larger|smaller) than or equal",
            "(is|are|was|were) not (a |an |)valid",
            "maximum allowed number of output tokens",
            "network access is restricted",
            "(too many|exceeds) (stop|tools|functions)",
            "not in the allowed",
        ),
    ),
)
