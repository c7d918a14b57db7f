"""With which codes are wrong calls refused? Each call here changes nothing: it names what is not there, or only asks.

natkeeper acts by what a code means (alibaba/codes.py), and Alibaba's metadata lists dozens for one operation without
saying when each comes. A code whose meaning is another one than natkeeper counts on is refuted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from natkeeper.alibaba.errors import kind_of
from natkeeper.alibaba.lean_imports import lean
from natkeeper.cli.conformance.found import CodeFound, Meaning
from natkeeper.cli.conformance.place import TRIED
from natkeeper.ports import FailureKind, FailureSubject

if TYPE_CHECKING:
    from natkeeper.cli.conformance.place import Place

with lean("alibabacloud_vpc20160428"):
    from alibabacloud_vpc20160428 import models as vpc
    from alibabacloud_vpc20160428.client import Client as Vpc
with lean("alibabacloud_ecs20140526"):
    from alibabacloud_ecs20140526 import models as ecs
    from alibabacloud_ecs20140526.client import Client as Ecs
with lean("alibabacloud_oos20190601"):
    from alibabacloud_oos20190601 import models as oos
    from alibabacloud_oos20190601.client import Client as Oos

_NOBODY = "natkeeperconformance"
"""The end of ids that nothing has: a letter of it is in no id of Alibaba's."""
_K, _N = FailureKind, FailureSubject
GONE_HOP, GONE_ENTRY = (_K.GONE, _N.HOP), (_K.GONE, _N.ENTRY)
GONE_EIP, GONE_CALL = (_K.GONE, _N.ADDRESS), (_K.GONE, _N.CALL)
THERE, NOT_NOW = (_K.BUSY, _N.ENTRY), (_K.BUSY, _N.HOP)


@dataclass(frozen=True, slots=True)
class WrongCall:
    """One call that is to be refused: what is wrong with it, and what its code has to mean."""

    about: str
    wanted: Meaning
    make: Callable[[], str]


def codes(place: Place) -> Mapping[str, CodeFound]:
    """Make every wrong call, and judge its code."""
    found = {}
    for each in _calls(place):
        code = place.until_taken(each.make, tuple(_ANSWERS))
        if kind_of(code) is FailureKind.DENIED:  # the caller may not: that says nothing of the call
            place.unmeasured[each.about] = f"it was refused with {code}"
            continue
        found[each.about] = CodeFound.of(code, each.wanted)
    return found


_ANSWERS = (
    "InvalidCIDRBlock.Duplicate", "InvalidRouteEntry.Duplicate", "RouteConflict.AlreadyExist",
    "RouterEntryConflict.Duplicated", "Duplicated.VpcNextHop", "IncorrectInstanceStatus",
)  # fmt: skip
"""They look like a passing state, and are what is asked for."""


def _calls(place: Place) -> tuple[WrongCall, ...]:
    region = place.reach.region
    nobody, nat, eip = f"i-{_NOBODY}", f"ngw-{_NOBODY}", f"eip-{_NOBODY}"

    def of_vpc(name: str, request: Any) -> str:  # noqa: ANN401  one of the SDK's many
        return place.code(lambda a: getattr(a.clients.client(Vpc), f"{name}_with_options")(request, a.options()))

    def of_ecs(name: str, request: Any) -> str:  # noqa: ANN401
        return place.code(lambda a: getattr(a.clients.client(Ecs), f"{name}_with_options")(request, a.options()))

    def delete() -> str:
        request = vpc.DeleteRouteEntryRequest(region_id=region, route_entry_id=f"rte-{_NOBODY}", dry_run=True)
        return of_vpc("delete_route_entry", request)

    def bind() -> str:
        request = vpc.AssociateEipAddressRequest(
            region_id=region, allocation_id=eip, instance_id=place.standby, instance_type="EcsInstance"
        )
        return of_vpc("associate_eip_address", request)

    def unbind() -> str:
        request = vpc.UnassociateEipAddressRequest(
            region_id=region, allocation_id=eip, instance_id=place.standby, instance_type="EcsInstance"
        )
        return of_vpc("unassociate_eip_address", request)

    def entries() -> str:
        request = vpc.DescribeRouteEntryListRequest(region_id=region, route_table_id=f"vtb-{_NOBODY}")
        return of_vpc("describe_route_entry_list", request)

    def start(machine: str) -> str:
        return of_ecs("start_instance", ecs.StartInstanceRequest(instance_id=machine, dry_run=True))

    def run() -> str:
        request = ecs.RunCommandRequest(
            region_id=region, type="RunShellScript", command_content="dHJ1ZQ==", content_encoding="Base64",
            instance_id=[nobody], keep_command=False,
        )  # fmt: skip
        return of_ecs("run_command", request)

    def template() -> str:
        request = oos.GetTemplateRequest(region_id=region, template_name=_NOBODY)
        return place.code(lambda a: a.clients.client(Oos).get_template_with_options(request, a.options()))

    there, elsewhere = TRIED[0], "203.0.113.64/26"
    modify, create = partial(place.modify, dry_run=True), partial(place.create, dry_run=True)
    rows: tuple[tuple[str, Meaning, Callable[[], str]], ...] = (
        ("ModifyRouteEntry to an instance that is not there", GONE_HOP, partial(modify, hop=nobody)),
        ("ModifyRouteEntry to a NAT Gateway that is not there", GONE_HOP, partial(modify, hop=nat)),
        ("ModifyRouteEntry to where it leads", THERE, lambda: modify(hop=_hop(place))),
        ("ModifyRouteEntry of an entry that is not there", GONE_ENTRY, partial(modify, elsewhere, hop=place.standby)),
        ("CreateRouteEntry of an entry that is there", THERE, lambda: create(there, hop=_hop(place))),
        ("CreateRouteEntry of one that leads elsewhere", THERE, lambda: create(there, hop=_other(place))),
        ("CreateRouteEntry to an instance that is not there", GONE_HOP, partial(create, elsewhere, hop=nobody)),
        ("DeleteRouteEntry of an entry that is not there", GONE_ENTRY, delete),
        ("DescribeRouteEntryList of a table that is not there", GONE_CALL, entries),
        ("AssociateEipAddress of an EIP that is not there", GONE_EIP, bind),
        ("UnassociateEipAddress of an EIP that is not there", GONE_EIP, unbind),
        ("StartInstance of one that is not there", GONE_HOP, partial(start, nobody)),
        ("StartInstance of one that runs", NOT_NOW, partial(start, place.standby)),
        ("RunCommand on an instance that is not there", GONE_HOP, run),
        ("GetTemplate of one that is not there", GONE_CALL, template),
    )
    return tuple(WrongCall(*row) for row in rows)


def _hop(place: Place) -> str:
    entry = place.entry()
    return place.leads(entry) if entry is not None else place.standby


def _other(place: Place) -> str:
    return place.active if _hop(place) == place.standby else place.standby
