"""What a trial found, as conformance.json and as a page for people; and what of the assumptions it refutes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from natkeeper import __version__
from natkeeper.cli.conformance.found import CodeFound, TrialResult
from natkeeper.cli.conformance.readings import Reading
from natkeeper.cli.errors import Wrong

FORMAT = 1
STACK = (
    "What the instances and EIPs of the trial deployment cost, ROS says before they are created: "
    '`aliyun ros GetTemplateEstimateCost --TemplateBody "$(cat templates/ros/demo.yaml)"`.'
)
HOW_MEASURED = """\
Durations are from the answer of the call until a read shows the end of it; of events, from their time. Packets
(`vpc.route_entry.packets`): from the moment that the API shows the end of a change until the probe, which looks
without a pause, is answered by the new way; 0 where packets were first. A cold start (`fc.cold_start.platform`): what
the first answer takes longer than a later one, the start of the process included. A busy function
(`fc.async.throttled_retry`): from sending an event to its next attempt.
"""
CONFIRMED, REFUTED, UNDECIDED = "confirmed", "refuted", "not decided"


@dataclass(frozen=True, slots=True)
class Document:
    """`latencies` are seconds by the names of `natlab latencies`; `at` is RFC 3339 in UTC. No ids are in it.

    `unmeasured` has the reasons why other durations are not there, `codes` what answered which wrong call.
    """

    at: str
    region: str
    found: Mapping[str, TrialResult]
    latencies: Mapping[str, float]
    version: str = __version__
    unmeasured: Mapping[str, str] = field(default_factory=dict)
    codes: Mapping[str, CodeFound] = field(default_factory=dict)

    def as_json(self, ids: Mapping[str, str] | None = None) -> dict[str, Any]:
        """The object of conformance.json; `ids` of the account are replaced by what they stand for."""
        rows = {name: {k: v for k, v in asdict(found).items() if v} for name, found in sorted(self.found.items())}
        full = {
            "conformance": FORMAT,
            "natkeeper": self.version,
            "at": self.at,
            "region": self.region,
            "readings": rows,
            "latencies": dict(self.latencies),
            "unmeasured": dict(self.unmeasured),
            "codes": {call: asdict(code) for call, code in self.codes.items()},
        }
        text = json.dumps(full, ensure_ascii=False)
        for each, word in (ids or {}).items():
            text = text.replace(each, word) if each else text
        found: dict[str, Any] = json.loads(text)
        return found


def load(path: Path) -> Document:
    """Read conformance.json. Raises Wrong for anything else."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if data["conformance"] != FORMAT:
            raise Wrong(f"{path} has format {data['conformance']}, and this release reads {FORMAT}")
        found = {
            str(name): TrialResult(row.get("way"), str(row.get("why", "")), row.get("seen", {}))
            for name, row in data["readings"].items()
        }
        latencies = {str(name): float(seconds) for name, seconds in data["latencies"].items()}
        why = {str(name): str(text) for name, text in data.get("unmeasured", {}).items()}
        codes = {str(call): CodeFound(**row) for call, row in data.get("codes", {}).items()}
        return Document(str(data["at"]), str(data["region"]), found, latencies, str(data["natkeeper"]), why, codes)
    except OSError as error:
        raise Wrong(f"{path} cannot be read: {error.strerror}", "name a conformance.json") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Wrong(f"{path} is not what `natkeeper conformance` writes: {error}", "name a conformance.json") from error


def verdict(reading: Reading, found: TrialResult | None) -> str:
    """Say whether a trial confirms what this release assumes."""
    if found is None or found.way is None:
        return UNDECIDED
    return CONFIRMED if found.way == reading.assumed else REFUTED


def refuted(document: Document, known: tuple[Reading, ...]) -> list[Reading]:
    """List the assumptions that a trial refutes."""
    return [each for each in known if verdict(each, document.found.get(each.name)) == REFUTED]


def page(document: Document, known: tuple[Reading, ...], hour: float) -> str:
    """Write the page, in Markdown: fit for a bug report. `hour` is what the functions cost in one, in USD."""
    lines = [
        "# natkeeper conformance",
        "",
        f"natkeeper {document.version}, region {document.region}, {document.at}.",
        "",
        "| Fact | Assumed | Found | Verdict |",
        "|---|---|---|---|",
    ]
    for each in known:
        found = document.found.get(each.name)
        way = (found.way if found else None) or "-"
        lines.append(f"| {each.fact} (`{each.name}`) | {each.assumed} | {way} | {verdict(each, found)} |")
    lines += ["", "## What the platform said", ""]
    for each in known:
        found = document.found.get(each.name) or TrialResult(None, "it was not tried")
        said = json.dumps(dict(found.seen), ensure_ascii=False) if found.seen else ""
        lines.append(f"- `{each.name}`: " + "; ".join(filter(None, [found.why, f"`{said}`" if said else ""])))
    lines += ["", "## Measured", "", "| What | Seconds |", "|---|---|"]
    lines += [f"| {name} | {seconds:g} |" for name, seconds in sorted(document.latencies.items())]
    lines += ["", HOW_MEASURED, *(f"- `{name}` was not measured: {why}" for name, why in document.unmeasured.items())]
    lines += ["", "## Wrong calls", "", "| Call | Code | It means | Wanted | |", "|---|---|---|---|---|"]
    lines += [
        f"| {call} | {found.code or '-'} | {found.means} | {found.wanted} | {CONFIRMED if found.ok else REFUTED} |"
        for call, found in document.codes.items()
    ]
    lines += [
        "",
        f"An hour of the functions costs {hour:.3f} USD by the list (`natkeeper cost --prices`). {STACK}",
    ]
    return "\n".join(lines) + "\n"
