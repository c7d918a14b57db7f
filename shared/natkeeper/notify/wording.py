"""The words of messages, in English and Chinese. message.py decides which of them are said.

`{…}` are filled with names of groups, next hops and times. Every key is in both languages; a test holds that.
"""

from __future__ import annotations

import re

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
    "released": ("{group}: the EIP was taken off a gateway", "{group}：EIP 已从网关解绑"),
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
    "postponed": ("{group}: a planned move waits", "{group}：计划内切换被推迟"),
    "found": ("{group}: gateways or routes were found", "{group}：发现了网关或路由"),
    "search": ("{group}: the search for gateways or routes fails", "{group}：查找网关或路由不成功"),
    "flapping": ("{group}: a trouble comes and goes", "{group}：故障反复出现"),
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
    "degraded": ("a standby is not ready", "备用网关未就绪"),
    "blind": ("state not visible", "无法获知状态"),
    "unproven": ("active gateway not proven", "当前网关未经验证"),
    "full": ("gateway near its limits", "网关接近容量上限"),
    "brownout": ("packet loss", "丢包"),
    "probe": ("probe broken", "探针不可用"),
    "started": ("cold standby runs", "冷备网关正在运行"),
    "unguarded": ("route table not guarded", "路由表未受保护"),
    "incomplete": ("part of a gateway's setup does not work", "网关的部分配置不可用"),
    "expiring": ("gateway expires soon", "网关即将到期"),
    "postponed": ("planned move waits", "计划内切换被推迟"),
    "found": ("gateways or routes found", "发现网关或路由"),
    "search": ("search for gateways or routes fails", "查找网关或路由不成功"),
    "flapping": ("trouble comes and goes", "故障反复出现"),
}

FELT = {
    "dark": ("no internet access", "无法访问公网"),
    "moved_eip": ("short interruption; established connections go on, the public address is the same",
                  "短暂中断；公网地址不变，已建立的连接可继续"),
    "moved_verified": ("short interruption; connections through {came_from} have ended, new ones work",
                       "短暂中断；经 {came_from} 的旧连接已断开，新连接可用"),
    "moved_planned": ("none for new connections; those through {came_from} are reset unless it relays them",
                      "新连接不受影响；经 {came_from} 的旧连接会被重置（启用中继时除外）"),
    "moved_unverified": ("not known: nobody has seen yet whether new connections work",
                         "未知：尚未验证新连接是否可用"),
    "foreign": ("they use {hop}, which natkeeper neither checks nor replaces",
                "流量经 {hop}，natkeeper 既不检查也不替换它"),
    "blind": ("not known; what natkeeper cannot see moves nothing",
              "未知；natkeeper 看不到的情况不会引起切换"),
    "paused": ("nothing now; but if the gateway fails during the pause, nobody moves the route",
               "目前没有影响；但暂停期间网关故障时不会自动切换"),
    "degraded": ("nothing now; the next failure would be an outage", "目前没有影响；但下一次故障将导致断网"),
    "unproven": ("perhaps nothing: nobody sees whether their packets arrive", "可能没有影响：无法确认数据包是否送达"),
    "held": ("nothing now; the next failure may be an outage", "目前没有影响；但下一次故障可能导致断网"),
    "full": ("new connections fail once the limit is reached", "达到上限后，新连接会失败"),
    "brownout": ("slow connections, and some that fail", "连接变慢，部分连接失败"),
    "probe": ("nothing; but a gateway that hangs is noticed later", "没有影响；但网关挂死会更晚被发现"),
    "started": ("nothing; the instance costs money while it runs", "没有影响；但该实例运行期间会产生费用"),
    "unguarded": ("nothing now; hosts of that table lose the internet when its gateway fails",
                  "目前没有影响；但该路由表的网关故障时，其主机会断网"),
    "expiring": ("nothing now; the gateway stops when it expires", "目前没有影响；到期后该网关会停机"),
    "postponed": ("nothing; the move is made later", "没有影响；切换将在稍后进行"),
    "found": ("nothing now; their packets may go through what was found from now on",
              "目前没有影响；此后其流量可能经过所发现的网关"),
    "search": ("nothing now; but what was not found is not guarded", "目前没有影响；但未找到的对象不受保护"),
    "flapping": ("what each time costs them: see the first messages", "每次的影响见最初的几条消息"),
    "incomplete": ("nothing, unless they need the part that does not work", "没有影响，除非用到不可用的那部分"),
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
    "found": ("guards what was found from now on", "此后保护所发现的对象"),
    "lane": ("led the lane {what} through {to}", "将备用通道 {what} 引向 {to}"),
    "lane_out": ("took out the lane {what}", "撤下备用通道 {what}"),
    "nothing": ("nothing; there was nothing safe to do", "未执行任何操作（没有安全的操作可做）"),
    "refused": ("tried to lead the route to a standby, and the platform refused it",
                "已尝试将路由切换到备用网关，但被平台拒绝"),
    "held": ("nothing; it uses the gateway again by itself", "未执行任何操作；之后会自动重新使用该网关"),
    "cannot": ("nothing; a person has to do this", "未执行任何操作（需要人工处理）"),
    "looked": ("it looked through the new next hop: the internet answered", "已通过新的下一跳验证：公网可达"),
    "looked_ip": ("it looked through the new next hop: the internet answered and saw {ip}",
                  "已通过新的下一跳验证：公网可达，出口地址为 {ip}"),
}  # fmt: skip

LEFT = {
    "ready": ("ready: {hops}", "就绪：{hops}"),
    "unproven": ("fit, but not proven to forward: {hops}", "可用，但未经验证能否转发：{hops}"),
    "cold": ("{hops} is stopped, and natkeeper starts it when it is needed", "{hops} 已停机，需要时由 natkeeper 启动"),
    "none": ("none is ready ({hops})", "没有可用的备用网关（{hops}）"),
    "alone": ("there is no other gateway", "没有其他网关"),
    "carrying": ("none is idle: every gateway carries a route", "没有空闲的网关：每台都承载路由"),
}

TODO = {
    "start": ("start {hop}; natkeeper sets it up when it runs", "启动 {hop}；启动后 natkeeper 会自动配置"),
    "repair": ("find out what is wrong with {hop}, and set it up again", "排查 {hop} 的问题并重新配置"),
    "drains": ("nothing: {hop} is about to stop, says ECS, and natkeeper moves routes off it by itself",
               "无需处理：ECS 预告 {hop} 即将停机，natkeeper 会自动将路由切走"),
    "last": ("start or add another gateway before {hop} stops, which ECS has announced",
             "ECS 已预告 {hop} 即将停机，请在此之前启动或添加另一台网关"),
    "held": ("nothing to repair: {hop} is a standby again when private hosts get through, at the latest at {until}",
             "无需修复：{hop} 在私网主机经它访问公网成功后恢复为备用网关，最晚到 {until}；以下命令可立即尝试"),
    "dark": ("bring one gateway back at once: natkeeper moves by itself as soon as one is fit",
             "立即恢复任一网关：一旦可用，natkeeper 会自动切换"),
    "home": ("nothing is urgent; to go back once {hop} is well, use the command",
             "无需紧急处理；{hop} 恢复后可用以下命令切回"),
    "nothing": ("nothing", "无需处理"),
    "refused": ("point the entry to a standby by hand; the command shows which right is missing",
                "在控制台将路由条目指向备用网关；以下命令可显示缺少的权限"),
    "paused_dark": ("end the pause: natkeeper moves nothing before", "结束暂停：在此之前 natkeeper 不做任何切换"),
    "unproven": ("look from a private host; if it has no internet, switch. To be sure from now on, deploy a probe",
                 "从私网主机检查；如无法访问公网，请切换。要长期确认，请部署探针"),
    "full": ("add a gateway and split the routes, or take a larger instance",
             "增加网关并拆分路由，或换用更大规格的实例"),
    "brownout": ("look at the gateway's load and bandwidth; the command moves to another one",
                 "检查网关的负载与带宽；以下命令可切换到另一台"),
    "probe": ("look at the log of the probe function, and at what the command finds",
              "查看探针函数的日志，并运行以下命令检查"),
    "started": ("stop it when another gateway carries the route and is well: natkeeper stops no instance",
                "其他网关承载路由且正常后将其停止：natkeeper 不会停止实例"),
    "unguarded": ("add the table to `routes` of the group, or point its entry elsewhere",
                  "将该路由表加入该组的 `routes`，或将其条目指向别处"),
    "expiring": ("renew it, or pay; natkeeper moves the routes away in the last hour",
                 "续费；到期前一小时内 natkeeper 会切走路由"),
    "incomplete": ("mend the part that is named, then set the gateway up again", "修复所述部分后，重新配置该网关"),
    "found": ("if one should not be in the group: take the tag off it, or point its entry elsewhere",
              "如有不应属于该组的对象：移除其标签，或将其路由条目改指他处"),
    "search": ("give the tag to the gateways of the group and to nothing else, and point an entry at one of them",
               "只给该组的网关打上标签，并将路由条目指向其中一台"),
    "postponed": ("nothing; the command makes the move now", "无需处理；以下命令可立即切换"),
    "flapping": ("look for what makes it come and go; single times are told again only if one lasts for ten minutes",
                 "查明反复出现的原因；此后单次故障持续十分钟才会再次通知"),
    "setup": ("nothing; in about a minute the command shows what came of it",
              "无需处理；约一分钟后可用以下命令查看结果"),
    "look": ("see whether it works, and what natkeeper sees now", "确认是否可用，并查看当前状态"),
    "foreign": ("if it is a mistake, take the route back with the command; if it is right, add it to the configuration",
                "如为误操作，用以下命令夺回路由；如属有意，请写入配置"),
    "blind": ("if it lasts: check the permissions and the platform's status page", "若持续：检查权限与平台状态页"),
    "paused": ("end the pause when the work is done", "工作完成后结束暂停"),
    "who": ("find out who changed it: it will come back", "查明是谁修改的，否则会再次发生"),
    "attention": ("look at what natkeeper sees; the detail says what is wrong", "查看当前状态；问题见详情"),
    "failed": ("look at the log of the function, and at what the command finds",
               "查看该函数的日志，并运行以下命令检查"),
    "test": ("nothing: messages from natkeeper arrive here", "无需处理：natkeeper 的消息会发送到这里"),
}  # fmt: skip

WORDS = {
    "rest": ("and {count} more: {names}", "以及另外 {count} 个：{names}"),
    "for": ("(for {length})", "（已持续 {length}）"),
    "minutes": ("{number} min", "{number} 分钟"),
    "hours": ("{number} h", "{number} 小时"),
    "until": ("until {time}", "至 {time}"),
    "account": ("account {account}", "账号 {account}"),
    "runbook": ("`{word}` in {page} of natkeeper's repository", "natkeeper 仓库 {page} 中的 `{word}`"),
    "no_runbook": (
        "no link; put docs/operations.md where people can open it at night, and set runbook: https://… to it",
        "没有链接；请把 docs/zh/operations.md 放到夜里也能打开的地方，并设置 runbook: https://…",
    ),
}

ADVICE = {
    "foreign": ("foreign", "back"),
    "blind": ("blind", "doctor"),
    "paused": ("paused", "resume"),
    "paused_dark": ("paused_dark", "resume"),
    "refused": ("refused", "doctor"),
    "repaired": ("who", "who"),
    "unverified": ("look", "status"),
    "attention": ("attention", "status"),
    "setup": ("setup", "status"),
    "unproven": ("unproven", "switch"),
    "full": ("full", "status"),
    "probe": ("probe", "doctor"),
    "brownout": ("brownout", "switch"),
    "started": ("started", "status"),
    "unguarded": ("unguarded", "init"),
    "expiring": ("expiring", "status"),
    "incomplete": ("incomplete", "setup"),
    "postponed": ("postponed", "switch"),
    "found": ("found", "status"),
    "flapping": ("flapping", "status"),
    "search": ("search", "doctor"),
}
"""For each kind of message: the key in TODO, and of the command (seen_group.py); gateways decide about the others."""

BEYOND = ("degraded", "unproven", "full", "brownout", "probe", "started", "unguarded", "expiring", "incomplete",
          "search")  # fmt: skip
"""Kinds that natkeeper never mends by a write."""

_PHRASES = tuple(
    (re.compile(pattern), chinese)
    for pattern, chinese in (
        (r"a person asked for the best standby, ", "人工请求切换到最佳备用网关 "),
        (r"a person asked for ", "人工请求切换到 "),
        (r"^paused until (.+?) by a person: ", r"由人工暂停至 \1："),
        (r"^resumed by a person$", "由人工恢复"),
        (r" carries the route and (?=is |does )", " 承载路由且 "),
        (r"; the platform refuses to lead it elsewhere: ", "；平台拒绝切换："),
        (
            r" could not carry the route at (.+? \S+) and has not been seen to work since",
            r" 在 \1 无法承载路由，此后未见恢复",
        ),
        (
            r" could not carry the route at (\S+ \S+ \S+); its setup of (\S+ \S+) found it well",
            r" 在 \1 无法承载路由；\2 的配置检查正常",
        ),
        (r", and private hosts have not been seen through it since", "，但尚未见私网主机经它访问公网"),
        (r"; last choice until (\S+ [\w/+-]+)", r"；在 \1 之前仅作最后选择"),
        (r" ?\bis Stopped\b", " 已停止"),
        (r" ?\bis Stopping\b", " 正在停止"),
        (r" ?\bis Starting\b", " 正在启动"),
        (r" ?\bis Pending\b", " 正在创建"),
        (r" ?\bdoes not exist\b", " 不存在"),
        (r"\bthe route entry is missing\b", "路由条目缺失"),
        (r" (?:has|have) the tag ", " 带有标签 "),
        (r" has lost the tag ", " 已失去标签 "),
        (r" leads to gateways", " 指向网关"),
        (r"; new: ", "；新增："),
        (r"; no longer: ", "；不再包含："),
        (r"(\d[\d.]*/\d+) in (vtb-[\w-]+)", r"\2 中的 \1"),
    )
)
"""What natkeeper says in English and messages in Chinese; all else stands as it is."""


def translated(words: str) -> str:
    """Say the phrases that are known in Chinese."""
    for pattern, chinese in _PHRASES:
        words = pattern.sub(chinese, words)
    return words


def text(table: dict[str, tuple[str, str]], key: str, language: str, **fields: object) -> str:
    """Return the words of `key` in a language, filled in."""
    english, chinese = table[key]
    return (chinese if language == "zh" else english).format(**fields)
