"""The keys `vpc`, `gateways: {tag: KEY=VALUE}` and `routes: all`: what of a group is found instead of listed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from natkeeper.domain.config_errors import ConfigProblem, bad, show, shown

if TYPE_CHECKING:
    from natkeeper.domain.config_values import Finds
    from natkeeper.domain.probe_config import Probe

TAG = re.compile(r"[^=\s][^=]{0,127}=\S(?:.{0,126}\S)?")
VPC = re.compile(r"vpc-[a-z0-9]{3,40}")
_LISTS = {"gateways": "a list of instance ids, or {tag: KEY=VALUE}", "routes": "a list of {table: vtb-…}, or `all`"}


def spelled_out(path: str, value: dict[str, Any], problems: list[ConfigProblem]) -> dict[str, Any]:
    """Return the settings of a group with the search that these keys ask for under `finds`; add to `problems`.

    Other mistakes stay as they are, for the struct to refuse.
    """
    settings = {key: value for key, value in value.items() if key != "vpc"}
    if "finds" in settings:
        problems.append(ConfigProblem(f"{path}.finds", "an unknown key", "`vpc`, `gateways: {tag: …}`, `routes: all`"))
        del settings["finds"]
    tag = _tag(path, settings, problems)
    routes = settings.get("routes") == "all"
    if routes:
        settings["routes"] = []
    for key, found in (("gateways", "{tag: KEY=VALUE}"), ("routes", "all")):
        listed = settings.get(key)
        mixed = [one for one in listed if one == "all" or (isinstance(one, dict) and "tag" in one)] if listed else []
        if isinstance(listed, list) and mixed:
            allowed = f"{_LISTS[key]}: a list and {found} together would leave open which of them counts"
            problems.append(ConfigProblem(f"{path}.{key}", show(mixed[0]), allowed))
            settings[key] = [one for one in listed if one not in mixed]
    vpc = value.get("vpc")
    if not (tag or routes):
        if "vpc" in value:
            allowed = "nothing, unless gateways are found by a tag or routes are `all`: then the VPC in which"
            problems.append(ConfigProblem(f"{path}.vpc", show(vpc), allowed))
        return settings
    if not isinstance(vpc, str) or not VPC.fullmatch(vpc):
        allowed = "the id of the VPC in which gateways or routes are found, such as vpc-bp1…"
        problems.append(ConfigProblem(f"{path}.vpc", shown(value, "vpc"), allowed))
        vpc = "vpc-standin"
    return {**settings, "finds": {"vpc": vpc, "tag": tag, "routes": routes}}


def _tag(path: str, settings: dict[str, Any], problems: list[ConfigProblem]) -> str:
    """Read `gateways: {tag: KEY=VALUE}`; empty where it is none."""
    gateways = settings.get("gateways")
    if not isinstance(gateways, dict):
        return ""
    settings["gateways"] = []
    tag = gateways.get("tag")
    if set(gateways) != {"tag"}:
        problems.append(ConfigProblem(f"{path}.gateways", show(gateways), _LISTS["gateways"]))
    elif not isinstance(tag, str) or not TAG.fullmatch(tag):
        allowed = "KEY=VALUE, as the instances have it; neither part is empty"
        problems.append(ConfigProblem(f"{path}.gateways.tag", show(tag), allowed))
    else:
        return tag
    return "stand=in"


def refuse_what_cannot_be_found(finds: Finds, address: object, prefers: Sequence[str | None], probe: Probe) -> None:
    """Refuse what contradicts discovery: the EIP that follows, a home of a route, a probe without its table."""
    follow = getattr(address, "follow", None)
    if finds.tag and follow is not None:
        raise bad(
            "address.follow", follow, "`own` where gateways are found by a tag: an EIP follows to listed ones only"
        )
    for index, prefer in enumerate(prefers):
        if finds.tag and prefer is not None:
            allowed = "nothing where gateways are found by a tag: the oldest is every route's home"
            raise bad(f"routes[{index}].prefer", prefer, allowed)
    if finds.routes and probe.lane is not None:
        raise bad("probe.lane", probe.lane, "nothing where routes are `all`: it needs a table that is listed")
    if finds.routes and probe.function is not None and probe.table is None:
        raise bad("probe.table", None, "the table through which probe.function looks, where routes are `all`")
