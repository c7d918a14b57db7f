"""All route tables of a VPC: sweeps ask for them, and runs of groups whose routes are found."""

from __future__ import annotations

from natkeeper.alibaba.clients import Attempt
from natkeeper.alibaba.fields import said, there
from natkeeper.alibaba.lean_imports import lean
from natkeeper.alibaba.vpc import read_routes
from natkeeper.domain.ids import TableId
from natkeeper.domain.observed import RouteEntry

with lean("alibabacloud_vpc20160428"):
    from alibabacloud_vpc20160428 import models
    from alibabacloud_vpc20160428.client import Client

TABLES_PER_PAGE = 50


def read_vpc_routes(attempt: Attempt, vpc: str) -> tuple[RouteEntry, ...]:
    """Read the custom entries of every table of `vpc` (DescribeRouteTableList, DescribeRouteEntryList)."""
    return tuple(entry for table in read_tables(attempt, vpc) for entry in read_routes(attempt, table))


def read_tables(attempt: Attempt, vpc: str) -> list[TableId]:
    """Name the route tables of `vpc` (DescribeRouteTableList, all pages)."""
    request = models.DescribeRouteTableListRequest(
        region_id=attempt.region, vpc_id=vpc, page_size=TABLES_PER_PAGE, page_number=1
    )
    found: list[TableId] = []
    while True:
        answer = attempt.clients.client(Client).describe_route_table_list_with_options(request, attempt.options())
        body = there(answer.body, "body")
        page = there(there(body.router_table_list, "RouterTableList").router_table_list_type, "RouterTableListType")
        found += [TableId(said(there(item.route_table_id, "RouteTableId"), "RouteTableId")) for item in page]
        if not page or len(found) >= (body.total_count or 0):
            return list(dict.fromkeys(found))
        request.page_number += 1
