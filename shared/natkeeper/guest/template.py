"""How does OOS run the setup?  With a template that is made from the same script as everything else.

The committed file templates/oos/natkeeper-gateway-setup.yaml is what `oos_template` returns;
`python -m natkeeper.guest.pack` writes it anew.
"""

from __future__ import annotations

from natkeeper.guest.script import LIBRARY_TASK, command, library_command

TEMPLATE_NAME = "natkeeper-gateway-setup"

_HEAD = """\
FormatVersion: OOS-2019-06-01
Description:
  en: Make ECS instances NAT gateways that natkeeper can fail over between, or check them. Safe to repeat.
  zh-cn: 将 ECS 实例配置为 natkeeper 可切换的 NAT 网关，或仅做检查。可重复执行。
Parameters:
  regionId:
    Type: String
    Label:
      en: Region
      zh-cn: 地域
    Default: '{{ ACS::RegionId }}'
  instanceIds:
    Type: List
    Label:
      en: Gateways (ids of ECS instances)
      zh-cn: 网关（ECS 实例 ID）
  setupParameters:
    Type: String
    Label:
      en: Setup parameters as natkeeper encodes them (base64, data only)
      zh-cn: natkeeper 编码的配置参数（base64，仅作为数据）
    AllowedPattern: '^[A-Za-z0-9+/=]{8,12000}$'
  timeout:
    Type: Number
    Label:
      en: Seconds a gateway may take
      zh-cn: 单台网关超时（秒）
    Default: 600
  rateControl:
    Type: Json
    Label:
      en: How many at once, and after how many failures to stop
      zh-cn: 并发与容错
    AssociationProperty: RateControl
    Default:
      Mode: Concurrency
      Concurrency: 10
      MaxErrors: 100
  OOSAssumeRole:
    Type: String
    Label:
      en: Role that OOS assumes
      zh-cn: OOS 扮演的角色
    Default: OOSServiceRole
RamRole: '{{ OOSAssumeRole }}'
Tasks:
"""
_TASK = """\
  - Name: {name}
    Action: ACS::ECS::RunCommand
    Description:
      en: {english}
      zh-cn: {chinese}
    Properties:
      regionId: '{{{{ regionId }}}}'
      instanceId: '{{{{ ACS::TaskLoopItem }}}}'
      commandType: RunShellScript
      timeout: '{{{{ timeout }}}}'
      enableParameter: false
      commandContent: |
{content}    Loop:
      Items: '{{{{ instanceIds }}}}'
      RateControl: '{{{{ rateControl }}}}'
"""
_TAIL = """\
      Outputs:
        commandOutputs:
          AggregateType: Fn::ListJoin
          AggregateField: commandOutput
    Outputs:
      commandOutput:
        Type: String
        ValueSelector: invocationOutput
Outputs:
  reports:
    Type: List
    Value: '{{ setup.commandOutputs }}'
"""


def oos_template() -> str:
    """Return the OOS template: the library first, then the setup, whose one placeholder OOS fills with parameters."""
    library = _task(
        LIBRARY_TASK, "Put the library of the setup script into /run", "下发配置脚本的公共部分", library_command()
    )
    description = "Run the setup script; its last line of output is the report", "运行配置脚本，输出的最后一行为报告"
    return _HEAD + library + _task("setup", *description, command("{{ setupParameters }}")) + _TAIL


def _task(name: str, english: str, chinese: str, script: str) -> str:
    content = "".join(f"        {line}\n" for line in script.splitlines())
    return _TASK.format(name=name, english=english, chinese=chinese, content=content)
