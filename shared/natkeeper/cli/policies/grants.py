"""Who needs which permissions?  One grant for each role and each kind of person, made from the configuration.

What changes something is limited to the route tables, instances, EIPs and functions that the configuration names.
What only reads is allowed on `*`: the pages of VPC and ECS differ over the years in what they ask about for a list,
and a route that cannot be read is a route that cannot be kept. Where gateways are found by a tag, the tag is the limit;
where routes are found, every route table is allowed, because RAM knows no limit by VPC for them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from natkeeper.cli.policies.statements import Arns, Json, Statement, commands
from natkeeper.domain.config import Follow

if TYPE_CHECKING:
    from natkeeper.domain.config import Config, Group

VERSION = "1"
FC = "fc.aliyuncs.com"
OOS = "oos.aliyuncs.com"
LINKED = ("*.eventbridge.aliyuncs.com", "fc.aliyuncs.com")
"""Services whose linked roles the first deployment creates: EventBridge's, to call functions, and FC's, for the VPC."""

RULE_READS = ("eventbridge:GetEventBus", "eventbridge:ListRules", "eventbridge:ListTargets")
RULE_WRITES = (
    "eventbridge:GetRule",
    "eventbridge:CreateRule",
    "eventbridge:UpdateRule",
    "eventbridge:EnableRule",
    "eventbridge:DisableRule",
    "eventbridge:DeleteRule",
    "eventbridge:UpdateTargets",
    "eventbridge:DeleteTargets",
)
"""What deploying an EventBridge trigger needs: component fc, "EventBridge triggers", least permissions. How Function
Compute names the rule of a trigger is not published; that the function's name is part of it is assumed."""
ENTER_VPC = (
    "vpc:DescribeVSwitchAttributes",
    "vpc:DescribeVpcAttribute",
    "ecs:CreateNetworkInterface",
    "ecs:DeleteNetworkInterface",
    "ecs:DescribeNetworkInterfaces",
    "ecs:CreateNetworkInterfacePermission",
    "ecs:DescribeNetworkInterfacePermissions",
    "ecs:DeleteNetworkInterfacePermission",
    "ecs:DescribeSecurityGroups",
)
"""What a function's role needs to enter a VPC: Function Compute, "Grant Function Compute permissions to access other
Alibaba Cloud services"; the service-linked role stands in only for functions without a role."""


@dataclass(frozen=True, slots=True)
class DeployedNames:
    """Names of s.yaml, which the configuration does not hold. `account` may be `*`: a policy knows only its own."""

    failover: str = "natkeeper-failover"
    failover_role: str = "natkeeper-failover"
    probe_role: str = "natkeeper-probe"
    account: str = "*"
    service: str = ""
    """The service that the failover function is of, in FC 2.0; empty in FC 3.0."""
    log: str = ""
    """PROJECT/LOGSTORE of the functions' logs; empty for what `logConfig: auto` makes."""


@dataclass(frozen=True, slots=True)
class Grant:
    """Permissions of one role, or of one kind of person; `trusts` is the service that takes the role on."""

    key: str
    name: str
    purpose: str
    statements: tuple[Statement, ...]
    trusts: str = ""
    groups: tuple[str, ...] = field(default=())

    @property
    def policy_name(self) -> str:
        """Name of the custom policy."""
        return f"{self.name}-policy" if self.trusts else self.name

    def document(self) -> Json:
        """Give the policy document."""
        return {"Version": VERSION, "Statement": [statement.as_json() for statement in self.statements]}

    def trust_document(self) -> Json:
        """Give the document that says who may take the role on."""
        principal = {"Service": [self.trusts]}
        statement = {"Action": "sts:AssumeRole", "Effect": "Allow", "Principal": principal}
        return {"Version": VERSION, "Statement": [statement]}


def grants(config: Config, names: DeployedNames = DeployedNames()) -> dict[str, Grant]:
    """Return every grant that this configuration needs, by its key: what `--for` takes."""
    arn = Arns(config.region, names.account, {names.failover: names.service} if names.service else {})
    found = [_function(config, names, arn), *_oos(config, arn)]
    if any(group.probes for group in config.groups):
        found.append(_probe(config, names, arn))
    found += [_deployer(config, names, arn), _operator(config, names, arn), _direct(config, arn)]
    if any(group.probes for group in config.groups):
        found.append(_driller(config, arn))
    return {grant.key: grant for grant in found}


# ---- the functions' roles --------------------------------------------------------------------------------


def _function(config: Config, names: DeployedNames, arn: Arns) -> Grant:
    purpose = "the failover function: sees routes and gateways, moves routes, has gateways set up, tells people"
    go_on = Statement("go on with what a run leaves", ("fc:InvokeFunction",), arn.functions(names.failover))
    statements = (*_keeping(config, arn), go_on, _log(config, names, arn))
    return Grant("function", names.failover_role, purpose, statements, FC)


def _log(config: Config, names: DeployedNames, arn: Arns) -> Statement:
    """Give what a function with a role of its own needs to have a log."""
    # Component fc3 names the project serverless-REGION-…, after a hash of the account; that of FC 2.0 another way.
    made = "*/*" if names.service else f"serverless-{config.region}-*/default-logs"
    project, _, store = (names.log or made).partition("/")
    resource = f"project/{project}/logstore/{store or '*'}"
    return Statement("write its log", ("log:PostLogStoreLogs",), arn.of("log", resource))


def _keeping(config: Config, arn: Arns) -> Iterator[Statement]:
    """List what keeping routes needs: the function's permissions, and those of a person with --direct."""
    groups = config.groups
    tables = tuple(dict.fromkeys(f"routetable/{route.table}" for group in groups for route in group.routes))
    tables = ("routetable/*",) if any(group.finds_routes for group in groups) else tables
    following = [group for group in groups if isinstance(group.address, Follow)]
    reads = ["vpc:DescribeRouteEntryList"]
    reads += ["vpc:DescribeEipAddresses"] if following else []
    reads += ["vpc:DescribeNatGateways"] if any(group.fallback for group in groups) else []
    yield Statement("see routes and addresses", tuple(reads))
    yield Statement("find route tables of the VPC that nobody guards", ("vpc:DescribeRouteTableList",))
    yield Statement("see gateways", ("ecs:DescribeInstances", "ecs:DescribeInstancesFullStatus"))
    yield Statement(
        "move the guarded routes, create one that is missing, replace one that cannot be changed in place",
        ("vpc:ModifyRouteEntry", "vpc:CreateRouteEntry", "vpc:DeleteRouteEntry"),
        arn.of("vpc", *tables),
    )
    if following:
        eips = dict.fromkeys(f"eip/{g.address.follow}" for g in following if isinstance(g.address, Follow))
        yield Statement(
            "let EIPs follow their routes",
            ("vpc:AssociateEipAddress", "vpc:UnassociateEipAddress"),
            (*arn.of("vpc", *eips), *arn.gateways(following)),
        )
    cold = [group for group in groups if group.standby == "cold"]
    if cold:
        yield from arn.on_gateways("start a cold standby", ("ecs:StartInstance",), cold)
    yield from commands(arn, "look at the internet from a gateway, and set one up without OOS", groups)
    yield Statement("read what became of it", ("ecs:DescribeInvocations", "ecs:DescribeInvocationResults"))
    yield from _through_oos(config, arn)
    functions = [function for group in groups for function in group.probes]
    functions += [config.notify] if config.notify else []
    if functions:
        yield Statement("ask the probe, tell people", ("fc:InvokeFunction",), arn.functions(*functions))


def _through_oos(config: Config, arn: Arns) -> Iterator[Statement]:
    setups = [group.setup for group in config.groups if group.setup.via == "oos"]
    if not setups:
        return
    templates = dict.fromkeys(f"template/{setup.template}" for setup in setups)
    yield Statement("start the setup of gateways", ("oos:StartExecution",), arn.of("oos", *templates, "execution/*"))
    yield Statement("read what became of setups", ("oos:ListExecutions", "oos:ListTaskExecutions"))
    yield Statement(
        "hand the setup's role to OOS",
        ("ram:PassRole",),
        arn.roles(*dict.fromkeys(setup.role for setup in setups)),
        ("StringEquals", "acs:Service", (OOS,)),
    )


def _oos(config: Config, arn: Arns) -> Iterator[Grant]:
    """Give one grant for each role that setups run with."""
    by_role: dict[str, list[Group]] = {}
    for group in config.groups:
        if group.setup.via == "oos":
            by_role.setdefault(group.setup.role.lower(), []).append(group)
    for role, groups in by_role.items():
        statements = (
            Statement("look at the gateways first", ("ecs:DescribeInstances",)),
            *commands(arn, "run the setup on the gateways", groups),
            Statement("read what it printed", ("ecs:DescribeInvocations", "ecs:DescribeInvocationResults")),
        )
        key = "oos" if len(by_role) == 1 else f"oos-{role}"
        yield Grant(key, role, "OOS, while it sets gateways up", statements, OOS, tuple(g.name for g in groups))


def _probe(config: Config, names: DeployedNames, arn: Arns) -> Grant:
    statements = (
        Statement(
            "report a loss, by an asynchronous destination", ("fc:InvokeFunction",), arn.functions(names.failover)
        ),
        Statement("enter the VPC in which it looks", ENTER_VPC),
        _log(config, names, arn),
    )
    return Grant(
        "probe", names.probe_role, "the probe functions: their report, their network, their log", statements, FC
    )


# ---- people ----------------------------------------------------------------------------------------------


def _deployer(config: Config, names: DeployedNames, arn: Arns) -> Grant:
    functions = _deployed(config, names)
    probes = any(group.probes for group in config.groups)
    roles = [names.failover_role, *([names.probe_role] if probes else [])]
    templates = dict.fromkeys(f"template/{g.setup.template}" for g in config.groups if g.setup.via == "oos")
    statements = [
        Statement("create functions", ("fc:CreateFunction",), arn.of("fc", "functions/*")),
        Statement("read event buses and rules", RULE_READS, arn.of("eventbridge", "*")),
        Statement(
            "create and change the rules behind EventBridge triggers",
            RULE_WRITES,
            arn.of("eventbridge", f"eventbus/default/rule/*{names.failover}*"),
        ),
        Statement("update them, their triggers and settings", ("fc:*",), arn.functions(*functions)),
        Statement(
            "give the functions their roles",
            ("ram:PassRole",),
            arn.roles(*roles),
            ("StringEquals", "acs:Service", (FC,)),
        ),
        Statement(
            "look for service-linked roles, which Serverless Devs does before it deploys anything",
            ("ram:CheckServiceLinkedRoleExistence",),
        ),
        Statement(
            "create the service-linked roles of EventBridge and FC, once",
            ("ram:CreateServiceLinkedRole",),
            ("*",),
            ("StringLike", "ram:ServiceName", LINKED),
        ),
        Statement("upload code to FC's own bucket", ("fc:GetTempBucketToken",)),
        Statement(
            "make the log store of `logConfig: auto`",
            (
                "log:GetProject",
                "log:CreateProject",
                "log:GetLogStore",
                "log:CreateLogStore",
                "log:GetIndex",
                "log:CreateIndex",
            ),
            arn.of("log", f"project/serverless-{config.region}-*"),
        ),
    ]
    if templates:
        statements.append(
            Statement(
                "create and update the OOS template (`natkeeper template`)",
                ("oos:GetTemplate", "oos:CreateTemplate", "oos:UpdateTemplate"),
                arn.of("oos", *templates),
            )
        )
    return Grant("deployer", "natkeeper-deployer", "the person who runs `s deploy`", tuple(statements))


def _operator(config: Config, names: DeployedNames, arn: Arns) -> Grant:
    purpose = "the person who runs `natkeeper`"
    return Grant("operator", "natkeeper-operator", purpose, tuple(_operating(config, names, arn)))


def _deployed(config: Config, names: DeployedNames) -> tuple[str, ...]:
    """Name every function of the deployment."""
    probes = (function for group in config.groups for function in group.probes)
    return (names.failover, *probes, *([config.notify] if config.notify else []))


def _operating(config: Config, names: DeployedNames, arn: Arns) -> Iterator[Statement]:
    yield Statement(
        "ask natkeeper: status, plan, switch, pause, resume, setup, sweep",
        ("fc:InvokeFunction",),
        arn.functions(names.failover),
    )
    if config.notify is not None:
        purpose = "notify --test; doctor: how many addresses are notified"
        yield Statement(purpose, ("fc:InvokeFunction",), arn.functions(config.notify))
    yield Statement("history", ("actiontrail:LookupEvents",))
    yield Statement(
        "init and doctor, network",
        (
            "vpc:DescribeVpcs",
            "vpc:DescribeVSwitches",
            "vpc:DescribeRouteTableList",
            "vpc:DescribeRouteEntryList",
            "vpc:DescribeEipAddresses",
            "vpc:DescribeNatGateways",
        ),
    )
    yield Statement(
        "init and doctor, gateways",
        (
            "ecs:DescribeInstances",
            "ecs:DescribeInstancesFullStatus",
            "ecs:DescribeNetworkInterfaces",
            "ecs:DescribeSecurityGroupAttribute",
            "ecs:DescribeCloudAssistantStatus",
            "ecs:DescribeInvocations",
            "ecs:DescribeInvocationResults",
        ),
    )
    yield Statement("doctor, setups", ("oos:GetTemplate", "oos:ListExecutions", "oos:ListTaskExecutions"))
    yield Statement(
        "doctor, functions: only those of the deployment, because a function's environment may hold secrets",
        ("fc:GetFunction", "fc:ListTriggers", "fc:GetAsyncInvokeConfig", "fc:GetConcurrencyConfig"),
        arn.functions(*_deployed(config, names)),
    )
    yield Statement(
        "doctor: how event rules invoke, which zones functions may stand in",
        ("eventbridge:ListRules", "eventbridge:ListTargets", "fc:GetAccountSettings"),
    )
    yield Statement("doctor, roles", ("ram:GetRole", "ram:ListPoliciesForRole", "ram:GetPolicy"))


def _driller(config: Config, arn: Arns) -> Grant:
    """Give what `natkeeper drill` needs besides the operator's: it feels through the probe, and breaks gateways."""
    groups = [group for group in config.groups if group.probes]
    probes = [function for group in groups for function in group.probes]
    statements = (
        Statement("feel through the probe", ("fc:InvokeFunction",), arn.functions(*probes)),
        *arn.on_gateways(
            "stop and start a gateway, send it a simulated notice",
            ("ecs:StopInstance", "ecs:StartInstance", "ecs:CreateSimulatedSystemEvents"),
            groups,
        ),
        Statement("cancel a simulated notice", ("ecs:CancelSimulatedSystemEvents",)),
    )
    purpose = "the person who runs `natkeeper drill`, besides the operator's"
    return Grant("driller", "natkeeper-driller", purpose, statements)


def _direct(config: Config, arn: Arns) -> Grant:
    """Give what --direct needs besides; who may do that may do what the function may do."""
    purpose = "the person who runs `natkeeper … --direct`: what the function may do, done by a person"
    return Grant("direct", "natkeeper-direct", purpose, tuple(_keeping(config, arn)))
