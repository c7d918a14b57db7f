"""Which way is an EIP while its instance stops, and which invocations of Cloud Assistant are listed?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from natkeeper.alibaba.lean_imports import lean
from natkeeper.cli.conformance.found import TrialResult
from natkeeper.cli.conformance.place import POLL_S, SETTLED_WITHIN_S, Place
from natkeeper.cli.errors import CommandError

if TYPE_CHECKING:
    from natkeeper.alibaba.clients import Attempt

with lean("alibabacloud_vpc20160428"):
    from alibabacloud_vpc20160428 import models as vpc
    from alibabacloud_vpc20160428.client import Client as Vpc
with lean("alibabacloud_ecs20140526"):
    from alibabacloud_ecs20140526 import models as ecs
    from alibabacloud_ecs20140526.client import Client as Ecs

_REFUSED = ("IncorrectInstanceStatus", "InvalidStatus.EcsStatusNotSupport", "InvalidStatus.NotAllow")
_COMMAND = "natkeeper-conformance"


def invocations(place: Place) -> dict[str, TrialResult]:
    """Run a command that does nothing on the standby, wait for its end, and list invocations without a state."""
    request = ecs.RunCommandRequest(
        region_id=place.reach.region,
        type="RunShellScript",
        name=_COMMAND,
        command_content="dHJ1ZQ==",  # true
        content_encoding="Base64",
        instance_id=[place.standby],
        keep_command=False,
        timeout=60,
    )
    ids: list[str] = []

    def start(attempt: Attempt) -> None:
        body = attempt.clients.client(Ecs).run_command_with_options(request, attempt.options()).body
        ids[:] = [str(body.invoke_id)]

    refused = place.code(start)
    if refused:
        return {"invocations": TrialResult(None, f"no command can be run on {place.standby}: {refused}")}
    until = place.monotonic() + SETTLED_WITHIN_S
    while not _listed(place, ids[0], "Finished"):
        if place.monotonic() >= until:
            return {"invocations": TrialResult(None, f"a command on {place.standby} did not end within two minutes")}
        place.sleeper(POLL_S)
    way = "all" if _listed(place, ids[0], "") else "running-only"
    return {"invocations": TrialResult(way, seen={"a finished invocation is listed without a state": way == "all"})}


def _listed(place: Place, invocation: str, state: str) -> bool:
    request = ecs.DescribeInvocationsRequest(
        region_id=place.reach.region, instance_id=place.standby, command_name=_COMMAND, max_results=50
    )
    if state:
        request.invoke_status = state
    ids: list[str] = []

    def read(attempt: Attempt) -> None:
        body = attempt.clients.client(Ecs).describe_invocations_with_options(request, attempt.options()).body
        ids[:] = [str(each.invoke_id) for each in body.invocations.invocation or ()]

    if refused := place.code(read):
        raise CommandError(f"invocations cannot be listed: {refused}")
    return invocation in ids


def address(place: Place) -> dict[str, TrialResult]:
    """Take the EIP off the standby while that is Stopping."""
    if not place.eip:
        return {
            "eip-off-stopping": TrialResult(None, f"{place.standby} holds no EIP: the one there is follows the route")
        }
    if place.status() != "Stopping":
        return {"eip-off-stopping": TrialResult(None, f"{place.standby} was not Stopping any more when it was asked")}
    request = vpc.UnassociateEipAddressRequest(
        region_id=place.reach.region, allocation_id=place.eip, instance_id=place.standby, instance_type="EcsInstance"
    )
    began = place.monotonic()
    code = place.code(lambda a: a.clients.client(Vpc).unassociate_eip_address_with_options(request, a.options()))
    if code and place.status() != "Stopping":
        return {"eip-off-stopping": TrialResult(None, f"{place.standby} stopped while it was asked", {"code": code})}
    if not code:
        until = began + SETTLED_WITHIN_S
        while eip_state(place) != ("Available", "") and place.monotonic() < until:
            place.sleeper(POLL_S)
        place.seconds["vpc.unassociate_eip.task"] = round(place.monotonic() - began, 2)
    ways = {"": "taken"} | dict.fromkeys(_REFUSED, "refused")
    return {"eip-off-stopping": TrialResult.by_code(code, ways, call="UnassociateEipAddress of a Stopping instance")}


def eip_state(place: Place) -> tuple[str, str]:
    """Read the status of the standby's EIP and whose it is."""
    request = vpc.DescribeEipAddressesRequest(region_id=place.reach.region, allocation_id=place.eip)

    def read(attempt: Attempt) -> Any:  # noqa: ANN401  the SDK's name is 60 characters long
        return attempt.clients.client(Vpc).describe_eip_addresses_with_options(request, attempt.options()).body

    found = place.reach.do("reading the EIP", read).eip_addresses.eip_address or ()
    return (str(found[0].status), str(found[0].instance_id or "")) if found else ("", "")


def bind_again(place: Place) -> str:
    """Bind the EIP to the standby; the code of a refusal."""
    request = vpc.AssociateEipAddressRequest(
        region_id=place.reach.region, allocation_id=place.eip, instance_id=place.standby, instance_type="EcsInstance"
    )
    return place.code(lambda a: a.clients.client(Vpc).associate_eip_address_with_options(request, a.options()))
