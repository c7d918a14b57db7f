"""The operations page explains the sentences that natkeeper says, and only those."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from natkeeper.guest.script import setup_script
from tests.docs.markdown import OPERATIONS, ROOT, ZH_OPERATIONS, blocks, headings, rows, section, spans

PACKAGE = ROOT / "shared" / "natkeeper"
TELLING = frozenset(("Hold", "Leave", "Refuse", "EipHold", "Unhealthy", "Draining", "Unknown"))
"""What a reason is handed to when it is an operator's business."""
SECTIONS = (
    "Sentences that need you",
    "Why a gateway is not fit",
    "What you may be refused",
    "Gateways that are not ready",
    "Troubleshooting",
)
IN_CHINESE = {
    "Receipts": "回执",
    "What needs you": "需要您处理的情况",
    "Sentences that need you": "需要处理的告警",
    "Why a gateway is not fit": "网关为何不可用",
    "What you may be refused": "请求被拒绝",
    "Gateways that are not ready": "网关未就绪",
    "Troubleshooting": "故障排查",
}
"""Sections of operations.md, and those of zh/operations.md that say the same."""


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
    """A person who is woken by a sentence finds it on the page."""
    page = OPERATIONS.read_text(encoding="utf-8")
    assert all(part in page for part in fragments(reason))


@pytest.mark.parametrize("text", sorted(set(explained())))
def test_every_sentence_that_is_explained_is_still_said(text: str) -> None:
    """The page does not explain what no version says any more."""
    code = spoken()
    shell = re.sub(r"\$\{?\w+\}?", "…", code)
    for part in fragments(text):
        assert part in code or part in shell, part


def alerts(page: Path, title: str) -> list[list[str]]:
    """Return the sentences of each row of the table right under `title`."""
    own = section(page, title).split("\n### ")[0]
    table = (line for line in own.splitlines() if line.startswith("| "))
    return [spans(line.split(" | ")[0]) for line in list(table)[1:]]


@pytest.mark.parametrize("english, chinese", IN_CHINESE.items())
def test_every_alert_is_explained_in_chinese(english: str, chinese: str) -> None:
    """Row by row: a sentence that joins, changes or leaves operations.md does so in zh/operations.md as well."""
    assert alerts(ZH_OPERATIONS, chinese) == alerts(OPERATIONS, english)
    assert alerts(OPERATIONS, english)


def test_every_row_in_chinese_is_chinese() -> None:
    """Each explanation was translated, not copied."""
    for chinese in IN_CHINESE.values():
        for line in section(ZH_OPERATIONS, chinese).splitlines():
            if line.startswith("| "):
                assert all(re.search(r"[\u4e00-\u9fff]", cell) for cell in line.strip("| ").split(" | ")[1:]), line


def test_the_event_rules_by_hand_are_those_of_s_yaml() -> None:
    """Rules that are made in the console get the same events."""
    template = yaml.safe_load((ROOT / "s.yaml").read_text(encoding="utf-8"))
    triggers = template["resources"]["failover"]["props"]["triggers"]
    configs: list[dict[str, Any]] = [trigger["triggerConfig"] for trigger in triggers]
    wanted = [json.loads(c["eventRuleFilterPattern"]) for c in configs if "eventRuleFilterPattern" in c]
    shown = [json.loads(block.code) for block in blocks(OPERATIONS, "json")]
    assert [pattern for pattern in shown if "source" in pattern] == wanted


@pytest.mark.parametrize("page, first", [(OPERATIONS, "What needs you"), (ZH_OPERATIONS, "需要您处理的情况")])
def test_the_page_begins_with_what_needs_you(page: Path, first: str) -> None:
    """A person who opens it at night reads nothing else before it."""
    assert [heading.text for heading in headings(page)][1] == first


@pytest.mark.parametrize("page", [OPERATIONS, ZH_OPERATIONS], ids=["english", "chinese"])
def test_policies_are_printed_by_the_command_and_not_pasted(page: Path) -> None:
    """A policy in prose would fall behind what `natkeeper policy` prints (tests/policy proves that)."""
    assert '"Statement"' not in page.read_text(encoding="utf-8")
    assert "natkeeper policy --ros" in page.read_text(encoding="utf-8")
