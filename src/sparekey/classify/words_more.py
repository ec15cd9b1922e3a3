"""The rest of the words: passing faults in English, and what providers and gateways say in Chinese, Japanese and Korean."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sparekey.classify.model import AUTH, CONTENT, LARGE, MODEL, PERMANENT, QUOTA, TRANSIENT, UNKNOWN, meaning
from sparekey.classify.words import REQUEST_STATUSES
from sparekey.types import Scope

if TYPE_CHECKING:
    from sparekey.classify.model import Meaning

FAULTS: Final[tuple[tuple[Meaning, tuple[str, ...]], ...]] = (
    (
        meaning(TRANSIENT, "connection", "network"),
        (
            "econnrefused",
            "econnreset",
            "econnaborted",
            "ehostunreach",
            "enetunreach",
            "enotfound",
            "eai again",
            "epipe",
            "connection (|was |is |has been |had been |)(refused|reset|closed|aborted|error|lost|dropped|broken|terminated|failed|failure|interrupted|forcibly)",
            "connection to * (refused|reset|failed|closed)",
            "(failed|unable|fail|cannot|could not|can't) to (connect|establish|reach|resolve)",
            "(could not|cannot|can't) (connect|resolve|reach)",
            "socket (hang up|closed|connection|error|hangup|exception)",
            "fetch failed",
            "failed to fetch",
            "network (error|is unreachable|unreachable|failure|request failed|connection)",
            "no route to host",
            "(name or service not known|nodename nor servname|temporary failure in name resolution|getaddrinfo|name resolution|dns)",
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
        meaning(TRANSIENT, "model_loading", "huggingface, ollama, vllm"),
        (
            "(model|server|service|instance|worker|engine) * (is |)(|currently |still )(loading|starting|warming|initializing|booting|being loaded|not ready|waking)",
            "loading model",
            "cold start",
            "scaling up",
            "scaled to zero",
        ),
    ),
    (
        meaning(TRANSIENT, "overloaded", "anthropic, openai, gemini, mistral, together, fireworks"),
        (
            "overload",
            "high (demand|load|traffic|usage)",
            "heavy (load|traffic|usage|demand)",
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
        meaning(TRANSIENT, "unavailable", "many"),
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

CJK: Final[tuple[tuple[Meaning, tuple[str, ...]], ...]] = (
    (
        meaning(PERMANENT, "resource_fetch_failed", "zh"),
        ("(图片|文件|视频|音频|资源)*下载(失败|超时)", "下载(图片|文件|视频|音频|资源)*(失败|超时)"),
    ),
    (
        meaning(AUTH, "account_overdue", "zh", scope=Scope.ACCOUNT),
        ("欠费", "逾期", "账(户|号)*(停机|停服)", "帐户欠", "未缴", "延滞"),
    ),
    (
        meaning(AUTH, "account_suspended", "zh ja ko", scope=Scope.ACCOUNT),
        (
            "(账号|账户|帐号|帐户|用户|组织|项目|令牌|渠道)*(封禁|封停|冻结|禁用|停用|已注销|锁定|被封|已被限制|异常)",
            "(アカウント|組織)*(停止|無効|凍結)",
            "계정*(정지|비활성|차단)",
        ),
    ),
    (meaning(AUTH, "org_unverified", "zh", scope=Scope.ACCOUNT), ("实名", "未(完成|通过)*认证", "未认证")),
    (
        meaning(CONTENT, "moderation", "zh ja ko"),
        (
            "敏感",
            "(不安全|违规|不合规|违法|不当|色情|暴力|不良)*(内容|信息|词|输入|文本|图片)",
            "(内容|文本|输入|输出|图片)*(违规|不合规|审核|风险|安全)",
            "风控",
            "安全策略",
            "审核(不|未)",
            "コンテンツ*(ポリシー|フィルタ|安全|制限)",
            "不適切",
            "(콘텐츠|부적절|유해|안전)*(정책|차단|필터)",
        ),
    ),
    (
        meaning(QUOTA, "daily_quota", "zh ja ko"),
        (
            "(每日|每天|当日|今日|当天|日)*(上限|限额|额度|限制|配额|次数|用量|用完|已达)",
            "(上限|限额|额度|限制|配额|次数)*(每日|每天|今日|/天|/日)",
            "明(天|日)再",
            "1日*(上限|制限)",
            "(일일|하루)*(한도|제한|할당)",
        ),
    ),
    (
        meaning(QUOTA, "period_quota", "zh"),
        (
            "(每月|每周|本月|本周|小时|当月|月度|周)*(上限|限额|额度|配额|用量|用完)",
            "已达到*(使用上限|用量上限|调用上限|限额)",
            "今月*(上限|制限)",
        ),
    ),
    (
        meaning(QUOTA, "insufficient_balance", "zh ja ko"),
        (
            "余额(不足|为|已|过低|不够)",
            "(余额|额度|配额|资源包|点数|积分|算力|金额|费用|信用|套餐|token|流量|包)*(不足|用尽|耗尽|用完|已用|用光|为0|过低|不够|已过期|到期)",
            "无可用资源包",
            "(请|需要|及时|前往)*(充值|续费|购买|缴费)",
            "(欠额|没有余额|无额度|无余额|超出额度|超出限额|超过额度|超过限额)",
            "(残高|クレジット|残額|クォータ|利用枠)*(不足|ありません|超過|切れ|使い切)",
            "(잔액|크레딧|할당량|쿼터)*(부족|초과|소진|없)",
        ),
    ),
    (
        meaning(QUOTA, "quota_exceeded", "zh"),
        (
            "(额度|配额|限额|用量|免费次数|试用)*(超|达|限|完|结束)",
            "使用上限",
            "(超出|超过|达到)*(配额|限额|额度|用量)",
            "(免费|试用)*(用完|结束|到期|耗尽|已用)",
        ),
    ),
    (
        meaning(LARGE, "context_length", "zh ja ko"),
        (
            "上下文*(长度|超|限制|窗口|过长)",
            "(输入|文本|内容|长度|字数|token|tokens|消息|请求|提示词|参数|prompt|字符)*(过长|太长|超长|超出|超过|超限|过大|太大)",
            "(超出|超过|超过了|大于)*(最大|长度|token|上下文|字符|限制长度|字数)",
            "(コンテキスト|トークン|入力|プロンプト|テキスト)*(超え|超過|長すぎ|上限|大きすぎ)",
            "(컨텍스트|토큰|입력|프롬프트)*(초과|너무|깁니다|큽니다)",
        ),
    ),
    (
        meaning(LARGE, "payload_too_large", "zh"),
        (
            "(图片|文件|音频|视频|请求体|大小|尺寸|体积)*(过大|太大|超出|超过|超限)",
            "(数量|条数|个数|批次|批量|batch)*(超|过多|太多|大于|最多)",
            "最多*(条|个|张)",
        ),
    ),
    (
        meaning(TRANSIENT, "concurrency", "zh"),
        ("并发", "同时(请求|处理|进行)", "同時", "동시"),
    ),
    (
        meaning(TRANSIENT, "rate_limited", "zh ja ko"),
        (
            "(请求|访问|调用|操作|接口|速率|频率|提问|使用)*(频繁|过快|太快|过于|限流|限速|频率|次数过多|过多|超限)",
            "(速率|频率|频次|流控|限流|限速|流量)*(限制|控制|超|上限|达到)",
            "(限流|限速|流控)",
            "(每分钟|每秒|分钟内|秒内)",
            "レート(制限|リミット)",
            "リクエスト*(多すぎ|制限|上限)",
            "頻度",
            "(요청|호출)*(많|초과|제한|한도)",
            "속도 제한",
        ),
    ),
    (
        meaning(TRANSIENT, "overloaded", "zh ja ko"),
        (
            "(负载|访问量|流量|压力|请求量|使用人数|用户)*(过大|饱和|过高|过多|较大|高|较高)",
            "(繁忙|拥挤|拥堵|排队|过载|火爆)",
            "(混雑|混み合|過負荷|ビジー)",
            "(과부하|혼잡|바쁩)",
        ),
    ),
    (
        meaning(MODEL, "model_not_entitled", "zh"),
        (
            "(没有|无|未开通|未授权|没有权限|无权|尚未开通|未购买|不能|不可|未启用|不允许|限制使用|无法)*模型",
            "模型*(未开通|未授权|无权|没有权限|未启用|被拒绝|无可用渠道|不可用|未购买|不允许)",
            "未开通*服务",
            "无可用渠道",
            "限制使用",
        ),
    ),
    (
        meaning(MODEL, "model_not_found", "zh ja ko"),
        (
            "模型*(不存在|未找到|找不到|已下线|已停用|下线|无效|错误|不支持该|已废弃|停止服务)",
            "(不存在|未知|找不到|无效|没有|不支持)*模型",
            "(端点|接口|路径|部署|资源|接入点)*(不存在|未找到|找不到|已关闭)",
            "モデル*(見つかりません|存在しません|利用できません|存在しない)",
            "모델*(찾을 수|존재하지|없습니다)",
        ),
    ),
    (
        meaning(AUTH, "region_blocked", "zh"),
        ("(地区|区域|国家|地域|所在地)*(不支持|限制|不可用|无法|不允许)", "(地域|国)*(サポートされて|利用できません)"),
    ),
    (
        meaning(AUTH, "expired_key", "zh"),
        ("(令牌|密钥|token|apikey|api key|key|凭证|签名|登录|会话|授权)*(过期|已失效|失效|已到期)",),
    ),
    (
        meaning(AUTH, "invalid_key", "zh ja ko"),
        (
            "无效的(令牌|密钥|api|apikey|key|token|凭证|用户|签名|授权)",
            "(令牌|密钥|token|apikey|api key|api_key|key|凭证|签名|鉴权|身份|认证|授权|身份验证|authorization|用户)*(无效|错误|不正确|不合法|失败|未通过|非法|不匹配|有误|未提供|为空|缺失|不能为空|未收到)",
            "(未|没有|缺少|请)*(提供|输入|填写|设置|配置|携带)*(令牌|密钥|api key|apikey|key|token|凭证|authorization)",
            "未收到authorization",
            "无法进行身份",
            "(鉴权|认证|验证)*(失败|不通过|未通过)",
            "(未登录|请登录|请先登录|未授权|未经授权)",
            "(認証|APIキー|apiキー|トークン)*(失敗|エラー|無効|正しくありません|必要)",
            "(인증|api 키|토큰)*(실패|오류|유효하지|잘못|필요|만료)",
        ),
    ),
    (
        meaning(AUTH, "permission_denied", "zh ja ko"),
        (
            "(没有|无|缺少|暂无|权限)*(权限|不足)",
            "(无权|拒绝访问|访问被拒绝|禁止访问|白名单|黑名单|未被授权|禁止)",
            "(権限|アクセス)*(ありません|拒否|不足)",
            "(권한|접근|액세스)*(없|거부|부족)",
        ),
    ),
    (
        meaning(TRANSIENT, "timeout", "zh ja ko"),
        ("超时", "タイムアウト", "시간 초과", "시간이 초과"),
    ),
    (
        meaning(PERMANENT, "unsupported_feature", "zh", statuses=REQUEST_STATUSES),
        ("(不支持|暂不支持|未支持|尚不支持)", "サポートされていません", "지원하지 않", "지원되지 않"),
    ),
    (
        meaning(PERMANENT, "bad_parameter", "zh ja ko", statuses=REQUEST_STATUSES),
        (
            "(参数|请求|格式|字段|输入|入参|图片|文件|json|类型|消息|角色|prompt|messages)*(错误|有误|非法|无效|不合法|不正确|缺失|为空|不能为空|异常|不符合|解析失败|必填)",
            "(不能为空|不合法|至少*(一个|一条|包含)|必须|缺少*参数|参数校验|格式*不)",
            "(パラメータ|リクエスト|形式|入力)*(無効|不正|エラー|必要|正しく)",
            "(매개변수|요청|형식|파라미터)*(잘못|유효하지|오류|필요)",
        ),
    ),
    (
        meaning(TRANSIENT, "server_error", "zh ja ko"),
        (
            "(服务|系统|内部|服务器|上游|后端|网络|接口|网关|模型)*(错误|异常|故障|不可用|维护|出错|超载|报错|失败|中断)",
            "(稍后|稍候|稍等|重试|再试)",
            "(サーバー|内部|一時的|システム)*(エラー|障害|利用できません)",
            "(しばらく|後ほど|再試行|もう一度)",
            "(서버|내부|일시적)*(오류|에러|장애)",
            "(잠시 후|다시 시도)",
        ),
    ),
)

SAID_NOTHING: Final = meaning(UNKNOWN, "unknown")
