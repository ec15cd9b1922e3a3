"""The words of providers about size, and about models that are not there; after those of `words`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sparekey.classify.model import LARGE, MODEL, PERMANENT, meaning

if TYPE_CHECKING:
    from sparekey.classify.model import Meaning

SIZES: Final[tuple[tuple[Meaning, tuple[str, ...]], ...]] = (
    # --- size ---
    (meaning(LARGE, "context_length", "vllm: what is left for the answer is less than nothing"), ("(must|should) be * got minus",)),
    (
        meaning(PERMANENT, "bad_parameter", "anthropic, dashscope: too little, where a word about sizes follows"),
        ("(should|must|needs to|has to) be (greater|larger|more|higher|bigger) than", "must be (non zero|positive)"),
    ),
    (
        meaning(LARGE, "context_length", "openai, anthropic, gemini, vllm, llama.cpp, ollama, bedrock"),
        (
            "context (length|window|size|limit|overflow|budget)",
            "contextwindowexceeded",
            "contextlengthexceeded",
            "(max|maximum) context",
            "(exceed|exceeds|exceeded|exceeding|over|beyond|longer than|greater than|larger than|more than) * context",
            "context * (exceed|too long|too large|overflow)",
            "(prompt|input|inputs|text|message|messages|query|document|passage|sequence|conversation|chat history|history|request|content) (is|are|was|were|has become|length is|size is|text is|it is|) (|far |way |much )too (long|large|big)",
            "(prompt|input|text|messages|query|document|sequence) (|text |prompt |token |tokens )(too long|too large|too big)",
            "(prompt|input) * tokens * (is|are) too (long|large|big)",
            "too large to process. increase the physical batch size",
            "too long for (|the |requested |this )(model|context)",
            "input (length|tokens|token count|token length|size|token|text length|characters|string) * (exceed|exceeds|exceeded|too|greater|larger|over|more than|beyond|longer|should be|must be)",
            "(length|number|size|total|count) of (|the |input |prompt |your )(tokens|prompt|input|messages|text|inputs) * (exceed|too|greater|larger|over|more than|beyond)",
            "range of input length",
            "(prompt|input|requested|total|prefill|sequence|request) * tokens * (exceed|exceeds|greater than|larger than|more than|over the|above|>)",
            "(exceed|exceeds|exceeded|exceeding|over|above) * (max|maximum|limit|allowed|allowable) * (token|tokens|sequence length|length|characters)",
            "(exceed|exceeds|exceeded) (|the )(token|tokens|sequence length|max sequence|input|prompt|model)",
            "(token|tokens|character|characters) (limit|limits) (exceeded|reached|is exceeded|has been exceeded)",
            "token limit",
            "tokens * must be (<|less than|at most|no more than|smaller than|fewer than)",
            "~ (|is |are )too (long|large)",
            "tokens * (exceed|exceeds|exceeded) ",
            "tokens (>|is greater than|are greater than|is larger than)",
            "must have less than * tokens",
            "(cannot|can not|can't|must not|may not|should not|not) (exceed|be longer than|be more than|have more than) * (tokens|characters|bytes|chars)",
            "(at most|up to|no more than|less than|fewer than|maximum of|max) * tokens * (given|got|but|received|requested|provided)",
            "reduce (|the |your )(length|number of tokens|prompt|message|messages|input|context|size)",
            "shorten (|the |your )(prompt|input|message|text|context|query)",
            "(tokens|input|prompt|text) * (longer|larger) than (|the )(max|model|limit|allowed)",
            "max model len",
            "max seq len",
            "n ctx",
            "kv cache * too small",
        ),
    ),
    (
        meaning(LARGE, "batch_too_large", "openai, azure, cohere, dashscope, jina, voyage, mistral, tei, gemini"),
        (
            "batch size (|is )(too large|invalid|exceed|cannot|must|should|larger|>)",
            "batch (is |)too (large|big|long)",
            "too many (inputs|items|texts|documents|elements|strings|images|messages|files|tokens in|contents|embeddings|requests in one batch|requests in a batch|requests in batch|tools|sequences|chunks|entries|instances|queries in|audio|video|functions)",
            "(at most|up to|maximum of|max|no more than|more than|cannot exceed|not exceed|exceed|exceeds|larger than|less than or equal to|fewer than|between 1 and) * (image|items|texts|inputs|documents|images|requests can be in|instances|elements|strings|entries|sequences|files|messages|tools|batch)",
            "(number|count) of (|input |the )(texts|inputs|items|documents|images|messages|instances|contents) * (exceed|must be|at most|cannot|too|should be|larger|greater|more)",
            "(tokens|items|inputs) (in|per) (|the |your |submitted |each |a )batch",
            "(list|array) (too long|should have at most|is too long|length|must contain at most|above max)",
            "array above max",
            "(texts|inputs|items|documents|images|batch|instances|contents|elements) must be (at most|less than|no more than|fewer than)",
        ),
    ),
    (
        meaning(LARGE, "payload_too_large", "nginx, openai, anthropic, gemini, bedrock"),
        (
            "(payload|entity|body|content|request|file|message|attachment|upload|data) (|size |is |size is |was |it is )too (large|big|long)",
            "(payload|body|request|file|content|message|image|video|audio|document|data|upload) (size|length|bytes) * (exceed|exceeds|exceeded|limit|too|larger|greater|over|must)",
            "(exceed|exceeds|exceeded|exceeding|over|larger than|greater than|bigger than|more than) * (bytes|mb|megabyte|kb|mib|pixels|maximum size|max size|size limit|maximum allowed size|payload|body)",
            "(image|images|file|video|audio|pdf|document|picture) (|is |are |size |was |dimension |dimensions |resolution |it is )(too large|too big|too long|too many|exceed|exceeds|larger|over)",
            "(dimension|dimensions|resolution|pixels) * exceed",
            "(maximum|max) (|allowed |permitted )(size|length|file size|image size|payload|body|request size|upload)",
            "string (|value |length |is )(too long|above max)",
            "string (|value )length * exceed",
            "string too long",
            "(length|size) * (exceeds|exceeded) * (maximum|max|limit|allowed)",
            "above max length",
            "(length|size) (less|smaller|shorter) than (|or equal)",
            "have (a |)(length|size) (less|smaller|shorter|at most|between|no more)",
            "maxlength: ",
            "expected maxlength",
            "request (entity|body|payload|header|uri) (|field |fields )too large",
            "pages * (maximum|limit|exceed|at most)",
            "(maximum|limit) of * (pages|pdf pages|images|mb|bytes)",
        ),
    ),
)

MODELS: Final[tuple[tuple[Meaning, tuple[str, ...]], ...]] = (
    (
        meaning(MODEL, "model_retired", "groq, nvidia, openai, azure, anthropic"),
        (
            "(model|deployment|version|engine) * (has been|is|was|are|been|now|) (deprecated|decommissioned|retired|discontinued|shut down|sunset|removed|end of life|offline|taken down|no longer)",
            "(reached|at) (|its |the )end of life",
            "modeldeprecated",
            "decommissioned",
            "no longer (available|supported|offered|served|hosted)",
        ),
    ),
    (
        meaning(MODEL, "model_not_entitled", "openai, volcengine, dashscope, aws, azure"),
        (
            "(access|accessing) (to |)(|the |this |that |requested |foundation )model",
            "(access|permission|authorized|authorised|allowed|eligible|entitled|subscribed|enabled|permitted|authorization) (to|for) (|use |using |access |invoke |call |run |the |this |that |requested |your |publisher |foundation )(|the |this |that |requested |publisher )model",
            "not (authorized|authorised|allowed|permitted|entitled|eligible|able) to (access|use|call|invoke|run|query) * model",
            "model access (is |)(denied|disabled|not)",
            "model * (is not|not|has not been|isn't|is not yet) (allowed|enabled|activated|open|opened|accessible|permitted|authorized|subscribed|purchased|included|in your plan|available|supported for|supported by|supported on|offered|accessible)",
            "has not activated the model",
            "not activated the (model|service)",
            "not support the coding plan",
            "model * requires (a |an |)(|paid |pro |higher |different |valid |)(subscription|plan|tier|approval)",
            "(team|key|project|token|user|organization|subscription) * (not|doesn't have|does not have|no) (allowed|access|permission|authorized) * model",
        ),
    ),
    (
        meaning(MODEL, "deployment_not_found", "azure, volcengine, vertex, huggingface"),
        (
            "(deployment|endpoint|inference profile|version|resource|publisher model|collection|route|path|url|page|engine|function|provider) * (does not exist|doesn't exist|not exist|not found|is not found|was not found|could not be found|cannot be found|is closed|currently closed|isn't available|not available|no longer|not deployed|unknown)",
            "(no|not) (|such |matching |available |valid |healthy |allowed )(deployment|endpoint|endpoints|channel|provider|providers|route|instance|instances|channels|deployments) (found|available|for|with|matched|exists|configured|support)",
            "unknown (url|path|endpoint|route|deployment)",
            "(invalid|unrecognized|unknown) (request )(url|path|endpoint|route)",
            "(unsupported|invalid|unknown) endpoint",
            "cannot (post|get) /",
            "invalid url * (post|get|put) /",
            "on demand throughput (is not|isn't) supported",
        ),
    ),
    (
        meaning(MODEL, "model_not_found", "all"),
        (
            "model * (does not exist|doesn't exist|not exist|not found|is not found|was not found|could not be found|cannot be found|isn't found|not available|not exists|not recognized|not loaded|not deployed|is not served|unknown|is invalid|not a valid)",
            "(no|unknown|unrecognized|unsupported|nonexistent|missing|wrong|incorrect) (|such |matching |valid |requested |provided |foundation |chat |embedding )model",
            "(invalid|illegal) (|value for |provided |requested )model (|name|id|identifier|specified|version|parameter: )",
            "not a valid (|chat |embedding |openai |foundation )model",
            "not a (chat|embedding|completion) model",
            "model (name|id|identifier) * (invalid|incorrect|unknown|wrong|not valid|not found)",
            "could not find (|the |any )model",
            "can't find (|the )model",
            "cannot find (|the )model",
            "models/* is not found",
            "try pulling it",
            "modelnotfound",
            "model not (exist|found|support|support)",
            "model (|~ |name )is not supported",
            "model ~ is not supported",
            "model ~ not supported",
            "requested model is not supported",
        ),
    ),
)
