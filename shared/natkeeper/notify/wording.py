"""The words of messages, in English and Chinese. message.py decides which of them are said.

`{…}` are filled with names of groups, next hops and times. Every key is in both languages; a test holds that.
"""

from __future__ import annotations

LANGUAGES = ("en", "zh")

SEVERITY = {
    "critical": ("[CRITICAL]", "【紧急】"),
    "warning": ("[WARNING]", "【警告】"),
    "info": ("[INFO]", "【通知】"),
    "resolved": ("[RESOLVED]", "【恢复】"),
    "test": ("[TEST]", "【测试】"),
}

LABELS = {
    "what": ("What", "事件"),
    "since": ("Since", "开始时间"),
    "felt": ("Private hosts", "对私网主机的影响"),
    "did": ("natkeeper did", "natkeeper 已执行"),
    "left": ("Standby", "备用网关"),
    "todo": ("Do", "建议处理"),
    "command": ("Command", "命令"),
    "where": ("Where", "位置"),
    "console": ("Console", "控制台"),
    "runbook": ("Runbook", "处理手册"),
    "lasting": ("Episode", "持续事件"),
    "problem": ("Problem", "问题"),
    "detail": ("Detail", "详情（英文）"),
    "reference": ("Receipt", "回执"),
}

HEADLINES = {
    "moved": ("{group}: moved to {to}", "{group}：路由已切换到 {to}"),
    "fallback": ("{group}: moved to the fallback {to}", "{group}：路由已切换到兜底的 NAT 网关 {to}"),
    "created": ("{group}: missing route created, to {to}", "{group}：已补建缺失的路由条目，指向 {to}"),
    "address": ("{group}: the EIP moved", "{group}：EIP 已随路由迁移"),
    "paused": ("{group}: paused", "{group}：已暂停自动处理"),
    "resumed": ("{group}: pause ended", "{group}：已恢复自动处理"),
    "setup": ("{group}: setup started", "{group}：已开始配置网关"),
    "repaired": ("{group}: a gateway had drifted and was repaired", "{group}：网关配置发生漂移，已自动修复"),
    "unready": ("{group}: a standby is not ready", "{group}：备用网关未就绪"),
    "recovered": ("{group}: a gateway works again", "{group}：网关已恢复正常"),
    "changed": ("{group}: changed", "{group}：有变更"),
    "dark": ("{group}: private hosts have no internet access", "{group}：私网主机无法访问公网"),
    "unverified": ("{group}: moved to {to}, not seen to work yet", "{group}：路由已切换到 {to}，尚未验证可用"),
    "foreign": ("{group}: someone else set the route", "{group}：路由被他人修改"),
    "blind": ("{group}: natkeeper cannot see its state", "{group}：natkeeper 无法获知状态"),
    "degraded": ("{group}: works, without a healthy standby", "{group}：可用，但没有健康的备用网关"),
    "unproven": ("{group}: nobody sees whether the active gateway forwards", "{group}：无法确认当前网关是否在转发"),
    "full": ("{group}: a gateway is near its limits", "{group}：网关接近容量上限"),
    "brownout": ("{group}: packets are being lost", "{group}：出现丢包"),
    "probe": ("{group}: the probe does not work", "{group}：探针不可用"),
    "started": ("{group}: a cold standby runs", "{group}：冷备网关正在运行"),
    "unguarded": ("{group}: a route table is not guarded", "{group}：有路由表未受保护"),
    "incomplete": ("{group}: a part of a gateway's setup does not work", "{group}：网关的部分配置不可用"),
    "expiring": ("{group}: a gateway expires soon", "{group}：有网关即将到期"),
    "postponed": ("{group}: a planned move waits for its window", "{group}：计划内切换等待时间窗口"),
    "attention": ("{group}: needs you", "{group}：需要人工处理"),
    "quiet": ("{group}: all is well", "{group}：一切正常"),
    "ended": ("{group}: over: {kind}", "{group}：已结束：{kind}"),
    "failed": ("natkeeper: {function} failed", "natkeeper：{function} 运行失败"),
    "test": ("natkeeper test message", "natkeeper 测试消息"),
    "several": (
        "natkeeper: {count} groups, {needing} of them need you",
        "natkeeper：{count} 个组，其中 {needing} 个需要处理",
    ),
    "several_changed": ("natkeeper: {count} groups changed", "natkeeper：{count} 个组有变更"),
}

KINDS = {
    "dark": ("no internet access", "无法访问公网"),
    "degraded": ("no healthy standby", "没有健康的备用网关"),
    "blind": ("state not visible", "无法获知状态"),
    "unproven": ("active gateway not proven", "当前网关未经验证"),
    "full": ("gateway near its limits", "网关接近容量上限"),
    "brownout": ("packet loss", "丢包"),
    "probe": ("probe broken", "探针不可用"),
    "started": ("cold standby runs", "冷备网关正在运行"),
    "unguarded": ("route table not guarded", "路由表未受保护"),
    "incomplete": ("part of a gateway's setup does not work", "网关的部分配置不可用"),
    "expiring": ("gateway expires soon", "网关即将到期"),
    "postponed": ("planned move waits for its window", "计划内切换等待时间窗口"),
}

FELT = {
    "dark": ("no internet access", "无法访问公网"),
    "moved_eip": ("short interruption; established connections go on, the public address is the same",
                  "短暂中断；公网地址不变，已建立的连接可继续"),
    "moved_verified": ("short interruption; connections through {came_from} have ended, new ones work",
                       "短暂中断；经 {came_from} 的旧连接已断开，新连接可用"),
    "moved_unverified": ("not known: nobody has seen yet whether new connections work",
                         "未知：尚未验证新连接是否可用"),
    "foreign": ("they use {hop}, which natkeeper neither checks nor replaces",
                "流量经 {hop}，natkeeper 既不检查也不替换它"),
    "blind": ("not known; natkeeper moves nothing while it cannot see",
              "未知；在无法获知状态时 natkeeper 不做任何切换"),
    "paused": ("nothing now; but if the gateway fails during the pause, nobody moves the route",
               "目前没有影响；但暂停期间网关故障时不会自动切换"),
    "degraded": ("nothing now; the next failure would be an outage", "目前没有影响；但下一次故障将导致断网"),
    "failed": ("nothing by itself; but while runs fail, no route is moved", "暂无直接影响；但运行失败期间不会切换路由"),
    "nothing": ("nothing", "没有影响"),
    "unknown": ("see the detail", "见详情"),
}  # fmt: skip

DID = {
    "moved": ("moved {what} from {came_from} to {to}", "将 {what} 从 {came_from} 切换到 {to}"),
    "created": ("created {what}, to {to}", "补建 {what}，指向 {to}"),
    "bridged": ("carried {what} over more specific entries to {to}", "以更具体的路由将 {what} 引到 {to}"),
    "retired": ("removed entries of {what} that others replaced", "删除了 {what} 中已被替代的条目"),
    "paused": ("noted the pause in the route entry", "已在路由条目中记录暂停"),
    "resumed": ("noted the end of the pause", "已记录暂停结束"),
    "unready": ("noted that a standby is not ready", "记录备用网关未就绪"),
    "noted": ("tried whether the entry of {what} takes a description", "已尝试 {what} 的条目是否接受描述"),
    "recovered": ("noted that a gateway works again", "记录网关恢复正常"),
    "address": ("bound {what} to {to}", "将 {what} 绑定到 {to}"),
    "released": ("took {what} off {came_from}", "将 {what} 从 {came_from} 解绑"),
    "setup": ("started the setup of {what}", "开始配置 {what}"),
    "started": ("started the cold standby {what}", "启动了冷备网关 {what}"),
    "nothing": ("nothing; there was nothing safe to do", "未执行任何操作（没有安全的操作可做）"),
    "looked": ("it looked through the new next hop: the internet answered", "已通过新的下一跳验证：公网可达"),
    "looked_ip": ("it looked through the new next hop: the internet answered and saw {ip}",
                  "已通过新的下一跳验证：公网可达，出口地址为 {ip}"),
}  # fmt: skip

LEFT = {
    "ready": ("ready: {hops}", "就绪：{hops}"),
    "none": ("none is ready ({hops})", "没有可用的备用网关（{hops}）"),
    "alone": ("there is no other gateway", "没有其他网关"),
}

TODO = {
    "start": ("start {hop}; natkeeper sets it up when it runs", "启动 {hop}；启动后 natkeeper 会自动配置"),
    "repair": ("find out what is wrong with {hop}, and set it up again", "排查 {hop} 的问题并重新配置"),
    "dark": ("bring one gateway back at once: natkeeper moves by itself as soon as one is fit",
             "立即恢复任一网关：一旦可用，natkeeper 会自动切换"),
    "home": ("nothing is urgent; to go back once {hop} is well, use the command",
             "无需紧急处理；{hop} 恢复后可用以下命令切回"),
    "nothing": ("nothing", "无需处理"),
    "look": ("see whether it works, and what natkeeper sees now", "确认是否可用，并查看当前状态"),
    "foreign": ("if it is a mistake, take the route back with the command; if it is right, add it to the configuration",
                "如为误操作，用以下命令夺回路由；如属有意，请写入配置"),
    "blind": ("if it lasts: check the permissions and the platform's status page", "若持续：检查权限与平台状态页"),
    "paused": ("end the pause when the work is done", "工作完成后结束暂停"),
    "who": ("find out who changed it: it will come back", "查明是谁修改的，否则会再次发生"),
    "attention": ("look what natkeeper sees; the detail says what is wrong", "查看当前状态；问题见详情"),
    "failed": ("look at the log of the function, and at what the command finds",
               "查看该函数的日志，并运行以下命令检查"),
    "test": ("nothing: messages from natkeeper arrive here", "无需处理：natkeeper 的消息会发送到这里"),
}  # fmt: skip

WORDS = {
    "rest": ("and {count} more: {names}", "以及另外 {count} 个：{names}"),
    "for": ("for {length}", "已持续 {length}"),
    "until": ("until {time}", "至 {time}"),
    "account": ("account {account}", "账号 {account}"),
    "nothing": ("nothing", "无"),
}

REASONS = {
    "is Stopped": "已停止",
    "is Stopping": "正在停止",
    "is Starting": "正在启动",
    "is Pending": "正在创建",
    "does not exist": "不存在",
}
"""Reasons that natkeeper gives in English and that messages say in Chinese; others stand as they are."""


def text(table: dict[str, tuple[str, str]], key: str, language: str, **fields: object) -> str:
    """Return the words of `key` in a language, filled in."""
    english, chinese = table[key]
    return (chinese if language == "zh" else english).format(**fields)
