"""What a person who wrote natkeeper.yaml is told: everything at once, what was probably meant, and what signs mean."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from natkeeper.domain.config import parse_config
from natkeeper.domain.config_errors import ConfigError
from natkeeper.packaging.configuration import ConfigurationRefused, read_configuration

GOOD: dict[str, Any] = {"gateways": ["i-gwa", "i-gwb"], "routes": [{"table": "vtb-one"}]}


def paths(group: dict[str, Any], **top: Any) -> list[str]:
    """The paths of all problems of a configuration with this group."""
    with pytest.raises(ConfigError) as caught:
        parse_config({"region": "cn-hangzhou", "groups": {"prod": group}, **top})
    return [problem.path.removeprefix("groups.prod.") for problem in caught.value.problems]


@pytest.mark.parametrize(
    "group, wrong",
    [
        (
            {**GOOD, "gatewayz": [], "failback": "soon", "probe": {"failures": 1}, "setup": {"mode": "maybe"}},
            ["gatewayz", "failback", "probe.failures", "setup.mode"],
        ),
        (
            {"gateways": ["gwa", "i-gwb", "gwc"], "routes": [{"table": "one"}]},
            ["routes[0].table", "gateways", "gateways"],
        ),
        ({}, ["gateways", "routes"]),
        ({"gateways": "i-gwa", "routes": [{"prefer": "i-gwa"}]}, ["gateways", "routes[0].table"]),
        ({"gateways": [], "routes": []}, ["gateways", "routes"]),
        (
            {**GOOD, "forwards": [{"port": 0, "to": "10.0.1.2:1"}, {"port": 80, "to": "nowhere"}], "hold_down": "x"},
            ["hold_down", "forwards[0].port", "forwards[1].to"],
        ),
        (
            {**GOOD, "probe": "p", "address": {"folow": "eip-x"}, "fallback": "nat"},
            ["address.folow", "address.follow", "probe", "fallback"],
        ),
        ({"gateways": ["i-gwa"], "routes": [{"table": "vtb-one", "prefer": "i-gwz"}]}, ["routes[0].prefer"]),
        ({**GOOD, "probe": {"table": "vtb-two", "interval": "9h"}, "sources": ["10.0.0.1/8", "x"]},
         ["probe.interval", "sources", "sources", "probe.table"]),
        (
            {**GOOD, "planned": {"window": "2-5", "days": ["monday"], "timezone": "上海"}},
            ["planned.days[0]", "planned.window", "planned.timezone"],
        ),
    ],
)  # fmt: skip
def test_every_problem_of_a_group_is_told_in_one_run(group: dict[str, Any], wrong: list[str]) -> None:
    """Nobody mends them one by one; a stand-in of ours brings in no problem of its own."""
    assert sorted(paths(group)) == sorted(wrong)


def test_a_group_of_nothing_but_mistakes_ends() -> None:
    """However many there are."""
    assert len(paths({**GOOD, **{f"key{number}": number for number in range(200)}})) <= 40


@pytest.mark.parametrize(
    "data, says",
    [
        (
            {"regoin": "cn-hangzhou", "groups": {"prod": GOOD}},
            "regoin: got an unknown key (did you mean region?)",
        ),
        ({"regoin": "cn-hangzhou", "groups": {"prod": GOOD}}, "region: got nothing; allowed: a region id"),
        ({"region": None, "groups": {"prod": GOOD}}, "region: got an empty value"),
        ({"region": "cn-hangzhou"}, "groups: got nothing"),
        ({"region": "cn-hangzhou", "groups": {"prod": {**GOOD, "fallbck": "x"}}}, "did you mean fallback?"),
        ({"region": "cn-hangzhou", "groups": {"prod": {**GOOD, "probe": {"functon": "x"}}}}, "did you mean function?"),
    ],
)
def test_what_was_probably_meant_is_named(data: dict[str, Any], says: str) -> None:
    """And what is missing has nothing, not None."""
    with pytest.raises(ConfigError) as caught:
        parse_config(data)
    assert says in str(caught.value)


def refused(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    with pytest.raises(ConfigurationRefused) as caught:
        read_configuration(path)
    return str(caught.value)


TEXT = """region: cn-hangzhou
groups:
  prod:
    gateways: [i-gwa, i-gwb]  # 生产，网关：两台
    routes: [{table: vtb-one}]
"""


@pytest.mark.parametrize(
    "old, new, says",
    [
        ("region: cn", "region：cn", "line 1: has a full-width '：'; write ':'"),
        ("i-gwa, i-gwb", "i-gwa，i-gwb", "line 4: has a full-width '，'; write ','"),
        ("[i-gwa", "\uff3bi-gwa", "line 4: has a full-width '\uff3b'; write '['"),
        ("[i-gwa", "\u3010i-gwa", "line 4: has a full-width '\u3010'; write '['"),
        ("    routes", "　　routes", "line 5: has a full-width '\\u3000'; write ' '"),
        ("cn-hang", "\uff43\uff4e-hang", "line 1: has a full-width '\uff43\uff4e'; write 'cn'"),
        ("i-gwb", "i-gw\uff3f\uff11", "line 4: has a full-width '\uff3f\uff11'; write '_1'"),
        ("i-gwa, i-gwb", "i-gwa、i-gwb", "line 4: has a full-width '、'; write ','"),
    ],
)
def test_full_width_signs_are_named(tmp_path: Path, old: str, new: str, says: str) -> None:
    """The line and the sign to write; those in comments and quotes are nobody's business."""
    told = refused(tmp_path / "natkeeper.yaml", TEXT.replace(old, new).encode())
    assert says in told
    assert told.count("full-width") == 1


@pytest.mark.parametrize(
    "old, new, says",
    [
        ("region: cn", "region:\u00a0cn", "line 1: has a no-break space (U+00A0); write a space"),
        ("region: cn", "region\u200b: cn", "line 1: has an invisible U+200B; delete it"),
        ("i-gwb]", "i-gwb\ufeff]", "line 4: has an invisible U+FEFF; delete it"),
        ("i-gwb]", "i-gwb\0]", "has a control character (U+0000); delete it"),
    ],
)
def test_a_sign_that_nobody_sees_is_named(tmp_path: Path, old: str, new: str, says: str) -> None:
    """It came along when the text was copied from a page, and the line looks right."""
    told = refused(tmp_path / "natkeeper.yaml", TEXT.replace(old, new).encode())
    assert says in told
    assert "unicode string" not in told


def test_two_documents_in_a_file_are_named(tmp_path: Path) -> None:
    """YAML's own sentence begins with a but."""
    told = refused(tmp_path / "natkeeper.yaml", f"{TEXT}---\n{TEXT}".encode())
    assert "expected a single document in the stream, but found another document" in told


@pytest.mark.parametrize("sign", ["[", "{a: "])
def test_what_is_nested_thousands_deep_is_refused(tmp_path: Path, sign: str) -> None:
    """In one sentence, not with a traceback."""
    assert "is nested deeper than any person writes" in refused(tmp_path / "natkeeper.yaml", (sign * 5000).encode())


def test_a_tab_is_named(tmp_path: Path) -> None:
    """YAML's own words for it are of a token that cannot start."""
    told = refused(tmp_path / "natkeeper.yaml", TEXT.replace("  prod:", "\tprod:").encode())
    assert "line 3: is indented with a tab; write spaces" in told


def test_full_width_signs_in_a_comment_are_fine(tmp_path: Path) -> None:
    """Chinese comments are what a configuration in China has; a byte order mark is no problem either."""
    path = tmp_path / "natkeeper.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + TEXT.encode())
    assert read_configuration(path)[0].region == "cn-hangzhou"


@pytest.mark.parametrize(
    "encoding, says",
    [("gb18030", "is GBK and not UTF-8"), ("utf-16", "is UTF-16 and not UTF-8"), ("utf-16-be", "")],
)
def test_a_file_of_another_encoding_is_named(tmp_path: Path, encoding: str, says: str) -> None:
    """With the command that converts it."""
    told = refused(tmp_path / "natkeeper.yaml", TEXT.encode(encoding))
    assert says in told
    if says:
        assert "iconv -f" in told


def test_a_broken_byte_has_its_line(tmp_path: Path) -> None:
    """What is neither encoding is named by its place."""
    assert "line 2: has a byte that is not UTF-8" in refused(
        tmp_path / "natkeeper.yaml", b"region: x\ngroups: \xff\xff\n"
    )


def test_merge_keys_work(tmp_path: Path) -> None:
    """One group's settings in another; a key beside the merge wins."""
    path = tmp_path / "natkeeper.yaml"
    path.write_text(
        "region: cn-hangzhou\ngroups:\n  one: &one\n    gateways: [i-gwa]\n    routes: [{table: vtb-one}]\n"
        "    setup: &setup {mode: check, every: 5m}\n"
        "  two:\n    <<: *one\n    gateways: [i-gwb]\n    routes: [{table: vtb-two}]\n"
        "    setup: {<<: *setup, every: 2m}\n",
        encoding="utf-8",
    )
    one, two = read_configuration(path)[0].groups
    assert [(group.setup.mode, float(group.setup.every)) for group in (one, two)] == [("check", 300), ("check", 120)]
    assert two.gateways == ("i-gwb",)
