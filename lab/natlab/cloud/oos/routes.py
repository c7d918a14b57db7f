"""Which operations does OOS have, and what does each do?"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from natlab.cloud.kernel.offered import Offer, offered
from natlab.cloud.kernel.parameters import Values
from natlab.cloud.kernel.rpc import RpcService
from natlab.cloud.oos.executions import ExecutionApi
from natlab.cloud.oos.templates import TemplateApi

if TYPE_CHECKING:
    from natlab.cloud.kernel.context import CloudContext

VERSION = "2019-06-01"


def _on(api: RpcService, values: Values) -> list[str]:
    """What RAM asks about: the template or the execution that is named (OOS documentation, "RAM authorization")."""
    if values.text("TemplateName"):
        return [api.arn(f"template/{values.text('TemplateName')}")]
    return [api.arn(f"execution/{values.text('ExecutionId') or '*'}")]


def _executions(api: RpcService, _values: Values) -> list[str]:
    return [api.arn("execution/*")]


def _templates(api: RpcService, _values: Values) -> list[str]:
    return [api.arn("template/*")]


_LISTS = {"ListExecutions": _executions, "ListTemplates": _templates, "ValidateTemplateContent": _templates}


class Oos(RpcService):
    """The product."""

    def __init__(self, cloud: CloudContext) -> None:
        self.templates = TemplateApi(cloud)
        self.executions = ExecutionApi(cloud, self.templates)
        offers = {
            "CreateTemplate": Offer(
                self.templates.create_template, "RegionId ResourceGroupId Tags VersionName", writes=True
            ),
            "UpdateTemplate": Offer(
                self.templates.update_template, "RegionId ResourceGroupId Tags VersionName", writes=True
            ),
            "GetTemplate": Offer(self.templates.get_template, "RegionId TemplateVersion"),
            "ListTemplates": Offer(
                self.templates.list_templates,
                "MaxResults NextToken RegionId ShareType SortField SortOrder Tags TemplateFormat TemplateName",
            ),
            "DeleteTemplate": Offer(self.templates.delete_template, "AutoDeleteExecutions RegionId", writes=True),
            "ValidateTemplateContent": Offer(self.templates.validate, "Content RegionId"),
            "GenerateExecutionPolicy": Offer(
                self.templates.generate_policy, "RamRole RegionId TemplateContent TemplateName TemplateVersion"
            ),
            "StartExecution": Offer(
                self.executions.start,
                "ClientToken Description LoopMode Mode Parameters RegionId ResourceGroupId SafetyCheck "
                "Tags TemplateContent TemplateName TemplateVersion",
                writes=True,
            ),
            "ListExecutions": Offer(
                self.executions.list_executions,
                "Description EndDateAfter EndDateBefore ExecutedBy ExecutionId IncludeChildExecution "
                "MaxResults Mode NextToken RamRole RegionId SortField SortOrder StartDateAfter "
                "StartDateBefore Status Tags TemplateName",
            ),
            "ListTaskExecutions": Offer(
                self.executions.list_tasks,
                "EndDateAfter EndDateBefore ExecutionId IncludeChildTaskExecution MaxResults NextToken "
                "ParentTaskExecutionId RegionId SortField SortOrder StartDateAfter StartDateBefore Status "
                "TaskAction TaskExecutionId TaskName",
            ),
            "ListExecutionLogs": Offer(
                self.executions.list_logs, "LogType MaxResults NextToken RegionId TaskExecutionId"
            ),
            "CancelExecution": Offer(self.executions.cancel, "RegionId", writes=True),
            "NotifyExecution": Offer(self.executions.notify, "NotifyNote RegionId", writes=True),
        }
        table = {
            name: replace(operation, on=_LISTS.get(name, _on)) for name, operation in offered("oos", offers).items()
        }
        super().__init__(cloud, "oos", "oos", VERSION, table)

    def reset(self) -> None:
        """Forget every template and execution."""
        self.templates.reset()
        self.executions.reset()
