"""Which operations does OOS have, and what does each do?"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from natlab.cloud.kernel.parameters import BOOLEAN, JSON, NEEDED, TEXT, Values, integer
from natlab.cloud.kernel.rpc import Operation, RpcService
from natlab.cloud.oos.executions import ExecutionApi
from natlab.cloud.oos.templates import TemplateApi

if TYPE_CHECKING:
    from natlab.cloud.kernel.context import Context

VERSION = "2019-06-01"
_PAGE = {"MaxResults": integer(1, 100), "NextToken": TEXT}
_SORT = {"SortField": TEXT, "SortOrder": TEXT}
_DATES = {"StartDateAfter": TEXT, "StartDateBefore": TEXT, "EndDateAfter": TEXT, "EndDateBefore": TEXT}
_STORED = {"TemplateName": NEEDED, "Content": NEEDED, "Tags": JSON, "VersionName": TEXT, "ResourceGroupId": TEXT}


def _on(api: RpcService, values: Values) -> list[str]:
    """What RAM asks about: the template or the execution that is named (OOS documentation, "RAM authorization")."""
    if values.text("TemplateName"):
        return [api.arn(f"template/{values.text('TemplateName')}")]
    return [api.arn(f"execution/{values.text('ExecutionId') or '*'}")]


def _executions(api: RpcService, _values: Values) -> list[str]:
    return [api.arn("execution/*")]


class Oos(RpcService):
    """The product."""

    def __init__(self, cloud: Context) -> None:
        self.templates = TemplateApi(cloud)
        self.executions = ExecutionApi(cloud, self.templates)
        region = {"RegionId": TEXT}
        table: dict[str, Operation] = {
            "CreateTemplate": Operation(self.templates.create_template, _STORED, writes=True),
            "UpdateTemplate": Operation(self.templates.update_template, _STORED, writes=True),
            "GetTemplate": Operation(self.templates.get_template, {"TemplateName": NEEDED, "TemplateVersion": TEXT}),
            "ListTemplates": Operation(
                self.templates.list_templates,
                {"TemplateName": TEXT, "TemplateFormat": TEXT, "ShareType": TEXT, "Tags": JSON, **_PAGE, **_SORT},
            ),
            "DeleteTemplate": Operation(
                self.templates.delete_template,
                {"TemplateName": NEEDED, "AutoDeleteExecutions": BOOLEAN},
                writes=True,
            ),
            "ValidateTemplateContent": Operation(self.templates.validate, {"Content": TEXT}),
            "GenerateExecutionPolicy": Operation(
                self.templates.generate_policy,
                {"TemplateName": TEXT, "TemplateVersion": TEXT, "TemplateContent": TEXT, "RamRole": TEXT},
            ),
            "StartExecution": Operation(
                self.executions.start,
                {
                    "TemplateName": TEXT,
                    "TemplateVersion": TEXT,
                    "TemplateContent": TEXT,
                    "Parameters": TEXT,
                    "Mode": TEXT,
                    "LoopMode": TEXT,
                    "SafetyCheck": TEXT,
                    "ClientToken": TEXT,
                    "Description": TEXT,
                    "Tags": JSON,
                    "ResourceGroupId": TEXT,
                },
                writes=True,
            ),
            "ListExecutions": Operation(
                self.executions.list_executions,
                {
                    "TemplateName": TEXT,
                    "Status": TEXT,
                    "ExecutionId": TEXT,
                    "RamRole": TEXT,
                    "Mode": TEXT,
                    "ExecutedBy": TEXT,
                    "Description": TEXT,
                    "Tags": JSON,
                    "IncludeChildExecution": BOOLEAN,
                    **_DATES,
                    **_PAGE,
                    **_SORT,
                },
            ),
            "ListTaskExecutions": Operation(
                self.executions.list_tasks,
                {
                    "ExecutionId": TEXT,
                    "TaskExecutionId": TEXT,
                    "ParentTaskExecutionId": TEXT,
                    "TaskName": TEXT,
                    "TaskAction": TEXT,
                    "Status": TEXT,
                    "IncludeChildTaskExecution": BOOLEAN,
                    **_DATES,
                    **_PAGE,
                    **_SORT,
                },
            ),
            "ListExecutionLogs": Operation(
                self.executions.list_logs,
                {"ExecutionId": NEEDED, "TaskExecutionId": TEXT, "LogType": TEXT, **_PAGE},
            ),
            "CancelExecution": Operation(self.executions.cancel, {"ExecutionId": NEEDED}, writes=True),
            "NotifyExecution": Operation(
                self.executions.notify,
                {"ExecutionId": NEEDED, "NotifyType": NEEDED, "NotifyNote": TEXT},
                writes=True,
            ),
        }
        table = {
            name: replace(
                operation,
                parameters={**region, **operation.parameters},
                on=_executions if name == "ListExecutions" else _on,
            )
            for name, operation in table.items()
        }
        super().__init__(cloud, "oos", "oos", VERSION, table)

    def reset(self) -> None:
        """Forget every template and execution."""
        self.templates.reset()
        self.executions.reset()
