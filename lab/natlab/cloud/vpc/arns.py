"""Which resources does RAM ask about for each operation of the Vpc product?

Source: Alibaba Cloud documentation, VPC, "RAM authorization" (the ARNs), and the authorization table of
ModifyRouteEntry (routetable). For operations that only list, the pages differ over the years between one kind of
resource and all; here it is all of the kind, so that a policy has to allow `*` of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from natlab.cloud.kernel.parameters import Values
from natlab.cloud.kernel.rpc import RpcService
from natlab.cloud.vpc.models import VpcState

On = Callable[[RpcService, Values], Sequence[str]]


def resources(state: VpcState) -> Mapping[str, On]:
    """By operation; one that is not here is about everything of the product."""

    def table(api: RpcService, values: Values) -> Sequence[str]:
        named = values.text("RouteTableId")
        entry = state.routes.get(values.text("RouteEntryId"))
        if entry is not None:
            named = entry.table_id
        return [api.arn(f"routetable/{named or '*'}")]

    def eip(api: RpcService, values: Values) -> Sequence[str]:
        about = [api.arn(f"eip/{values.text('AllocationId') or '*'}")]
        target = values.text("InstanceId")
        if target.startswith("i-"):
            about.append(api.arn(f"instance/{target}", "ecs"))
        elif target:
            about.append(api.arn(f"natgateway/{target}"))
        return about

    def kind(name: str) -> On:
        return lambda api, _values: [api.arn(f"{name}/*")]

    return {
        "DescribeVpcs": kind("vpc"),
        "DescribeVSwitches": kind("vswitch"),
        "DescribeRouteTableList": kind("routetable"),
        "DescribeRouteEntryList": table,
        "CreateRouteEntry": table,
        "ModifyRouteEntry": table,
        "DeleteRouteEntry": table,
        "AssociateRouteTable": table,
        "DescribeEipAddresses": kind("eip"),
        "AssociateEipAddress": eip,
        "UnassociateEipAddress": eip,
        "DescribeNatGateways": kind("natgateway"),
    }
