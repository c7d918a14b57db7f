"""The operations page explains the sentences that natkeeper says, and only those."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
import yaml

from natkeeper.guest.script import setup_script
from tests.docs.markdown import OPERATIONS, ROOT, blocks, rows, section, spans

PACKAGE = ROOT / "shared" / "natkeeper"
TELLING = frozenset(("Hold", "Leave", "Refuse", "EipHold", "Unhealthy", "Draining", "Unknown"))
"""What a reason is handed to when it is an operator's business."""
SECTIONS = (
    "What needs you",
    "Why a gateway is not fit",
    "What you may be refused",
    "Gateways that are not ready",
    "Troubleshooting",
)


def fragments(text: str) -> list[str]:
    """The fixed parts of a sentence whose varying parts are written `…`."""
    return [part for part in (part.strip(" ,;:()") for part in text.split("…")) if part]


def sentence(node: ast.expr) -> str | None:
    """The text of a literal, with `…` for what varies."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(part.value if isinstance(part, ast.Constant) else "…" for part in node.values)  # type: ignore[misc]
    return None


def reasons() -> Iterator[str]:
    """Every reason with which the domain says that something is not well."""
    for path in sorted((PACKAGE / "domain").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in TELLING:
                said = (sentence(argument) for argument in node.args)
                yield from (text for text in said if text is not None and fragments(text))


@cache
def spoken() -> str:
    """Everything that the code can say: all its literals, and the setup script."""
    texts = [setup_script()]
    for path in sorted(PACKAGE.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        texts += [text for node in ast.walk(tree) if isinstance(node, ast.expr) and (text := sentence(node))]
    return "\n".join(texts)


def explained() -> Iterator[str]:
    """The sentences that the page explains."""
    for title in SECTIONS:
        for row in rows(section(OPERATIONS, title)):
            yield from (text for text in spans(row[0]) if " " in text)


@pytest.mark.parametrize("reason", sorted(set(reasons())))
def test_every_reason_to_worry_is_explained(reason: str) -> None:
    """Whoever is woken by a sentence finds it on the page."""
    page = OPERATIONS.read_text(encoding="utf-8")
    assert all(part in page for part in fragments(reason))


@pytest.mark.parametrize("text", sorted(set(explained())))
def test_every_sentence_that_is_explained_is_still_said(text: str) -> None:
    """The page does not explain what no version says any more."""
    code = spoken()
    shell = re.sub(r"\$\{?\w+\}?", "…", code)
    for part in fragments(text):
        assert part in code or part in shell, part


def test_the_event_rules_by_hand_are_those_of_s_yaml() -> None:
    """Whoever makes the rules in the console gets the same events."""
    template = yaml.safe_load((ROOT / "s.yaml").read_text(encoding="utf-8"))
    triggers = template["resources"]["failover"]["props"]["triggers"]
    configs: list[dict[str, Any]] = [trigger["triggerConfig"] for trigger in triggers]
    wanted = [json.loads(c["eventRuleFilterPattern"]) for c in configs if "eventRuleFilterPattern" in c]
    shown = [json.loads(block.code) for block in blocks(OPERATIONS, "json")]
    assert [pattern for pattern in shown if "source" in pattern] == wanted


def test_the_role_of_the_function_may_do_all_that_the_adapters_do() -> None:
    """Every operation that an adapter calls has its action in the policies that are shown."""
    shown = [json.loads(block.code) for block in blocks(OPERATIONS, "json")]
    policies = [block for block in shown if "Statement" in block]
    actions = {action.partition(":")[2] for policy in policies for action in actions_of(policy)}
    called = set()
    for path in (PACKAGE / "alibaba").glob("*.py"):
        called |= set(re.findall(r"models\.(\w+)Request\(", path.read_text(encoding="utf-8")))
    by_people = {"CreateTemplate", "UpdateTemplate", "GetTemplate"}
    assert called - by_people <= actions


def actions_of(policy: dict[str, Any]) -> Iterator[str]:
    for statement in policy["Statement"]:
        action = statement["Action"]
        yield from ([action] if isinstance(action, str) else action)
