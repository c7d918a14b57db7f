"""What natkeeper.yaml is read as, value by value, and what is said of one that is not YAML."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from natkeeper.packaging import ConfigurationRefused, read_configuration
from natkeeper.packaging.configuration import _PlainLoader, as_json

GOOD = """region: cn-hangzhou
groups:
  prod:
    gateways: [i-bp1aaaa]
    routes: [{table: vtb-bp1aaaa}]
"""


def refusal(folder: Path, text: str) -> list[str]:
    """Return what is said of each problem, without the name of the file."""
    path = folder / "natkeeper.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationRefused) as refused:
        read_configuration(path)
    assert str(refused.value) == "\n".join(f"{path}: {problem}" for problem in refused.value.problems)
    return list(refused.value.problems)


@pytest.mark.parametrize(
    "text, value",
    [
        ("null", None),
        ("~", None),
        ("", None),
        ("true", True),
        ("false", False),
        ("0", 0),
        ("-7", -7),
        ("1234567890", 1234567890),
        ("9.5", 9.5),
        ("-0.25", -0.25),
        ("'null'", "null"),
        ("nul", "nul"),
        ("nulls", "nulls"),
        ("trueish", "trueish"),
        ("untrue", "untrue"),
        ("Null", "Null"),
        ("True", "True"),
        ("<", "<"),
        ("007", "007"),
        ("7x", "7x"),
        ("x7", "x7"),
        ("1.", "1."),
        (".5", ".5"),
        ("1.5.2", "1.5.2"),
        ("1e3", "1e3"),
        ("+1", "+1"),
        ("10.0.0.0/8", "10.0.0.0/8"),
        ("1:30", "1:30"),
    ],
)
def test_only_the_words_of_json_are_more_than_text(text: str, value: object) -> None:
    """The type counts as well: 0 is no false, and 1 no 1.0."""
    found = yaml.load(f"a: {text}\n", Loader=_PlainLoader)["a"]  # noqa: S506  a SafeLoader
    assert (type(found), found) == (type(value), value)


@pytest.mark.parametrize(
    "text, says",
    [
        ("? [a, b]\n: 1\n", "line 1, column 3: not YAML that can be read: a key has to be a text, not ['a', 'b']"),
        ("? {a: [b]}\n: 1\n", "line 1, column 3: not YAML that can be read: a key has to be a text, not {'a': ['b']}"),
        ("a: 1\n7: 2\n", "line 2, column 1: not YAML that can be read: a key has to be a text, not 7"),
        ("a: {b: 1, b: 2}\n", "line 1, column 11: not YAML that can be read: the key 'b' stands here twice"),
        ("a: *b\n", "line 1, column 4: not YAML that can be read: found undefined alias 'b'"),
        (
            "a: 1\n---\nb: 2\n",
            (
                "line 2, column 1: not YAML that can be read: expected a single document in the stream, "
                "but found another document"
            ),
        ),
        (
            "a: [1\nb: 2\n",
            "line 2, column 2: not YAML that can be read: expected ',' or ']', but got ':'",
        ),
        ("a: [b, !!int c]\n", "line 1, column 8: not YAML that can be read: 'c' cannot be read as int"),
        ("a: !!float b\n", "line 1, column 4: not YAML that can be read: 'b' cannot be read as float"),
        ("a:\n  b: !!bool maybe\n", "line 2, column 6: not YAML that can be read: 'maybe' cannot be read as bool"),
        (
            "a: !!timestamp 2024-13-45\n",
            "line 1, column 4: not YAML that can be read: '2024-13-45' cannot be read as timestamp",
        ),
        (
            f"a: {'1' * 5000}\n",
            f"line 1, column 4: not YAML that can be read: '{'1' * 40}' cannot be read as int",
        ),
        ("a: \x07\n", "not YAML that can be read: has a control character (U+0007); delete it"),
    ],
)
def test_what_is_not_yaml_is_said_with_its_place(tmp_path: Path, text: str, says: str) -> None:
    """Counted from one, as editors do."""
    assert refusal(tmp_path, text) == [says]


def test_a_value_within_itself_is_refused_like_any_other(tmp_path: Path) -> None:
    """By its path, as what it is, be it a mapping or a list."""
    for text in ("&a {b: *a}", "&a [b, *a]"):
        problems = refusal(tmp_path, f"{GOOD}notify: {text}\n")
        assert [problem.partition("; ")[2] for problem in problems] == ["allowed: the name of an FC function"]
        assert problems[0].startswith("notify: got ")


def test_only_lines_that_a_tab_indents_are_named(tmp_path: Path) -> None:
    """One after a word does no harm, and one after spaces does."""
    text = "a: b\t# fine\n\tc: d\n  \te: f\ng:\th\n"
    *lines, _ = refusal(tmp_path, text)
    assert lines == [f"line {number}: is indented with a tab; write spaces" for number in (2, 3)]


@pytest.mark.parametrize(
    "wrong, says",
    [
        ("\uff01\uff5e", ["a full-width '\uff01\uff5e'; write '!~'"]),
        ("\uff43\uff1a\uff44", ["a full-width '\uff1a'; write ':'", "a full-width '\uff43'; write 'c'",
                              "a full-width '\uff44'; write 'd'"]),
        ("\uff5f\uff00X", []),
        ("\u3002\u2018\u2019\u201c\u201d", [f"a full-width {sign!r}; write {plain!r}" for sign, plain in
                                           zip("\u3002\u2018\u2019\u201c\u201d", ".''\"\"", strict=True)]),
        ("\uff5b\uff5d\uff3d\uff0d", [f"a full-width {sign!r}; write {plain!r}" for sign, plain in
                                      zip("\uff5b\uff5d\uff3d\uff0d", "{}]-", strict=True)]),
        ("\u200c\u200d\u2060", [f"an invisible U+{number}; delete it" for number in ("200C", "200D", "2060")]),
        ('"\uff1a" \'\u200b\' # \u00a0', []),
        ("a#\uff1a", ["a full-width '\uff1a'; write ':'"]),
    ],
)  # fmt: skip
def test_signs_that_mean_nothing_in_yaml_are_named_before_the_rest(tmp_path: Path, wrong: str, says: list[str]) -> None:
    """Each once, whether the text is YAML or not; those in quotes and comments are as they should be."""
    for rest in ("[", "{}"):
        problems = refusal(tmp_path, f"first: 1\nother{wrong}: {wrong}\nlast: {rest}\n")
        assert [each for each in problems if each.startswith("line 2: has")] == [f"line 2: has {each}" for each in says]
        assert not any(each.startswith(("line 1: has", "line 3: has")) for each in problems)


def test_each_problem_is_a_line_that_begins_with_the_file(tmp_path: Path) -> None:
    """So that an editor or a log finds the place."""
    assert len(refusal(tmp_path, GOOD.replace("cn-hangzhou", "7") + "extra: 1\n")) == 2


@pytest.mark.parametrize(
    "error, says",
    [
        (PermissionError(13, "Permission denied"), "cannot be read: Permission denied"),
        (OSError("the disk is gone"), "cannot be read: the disk is gone"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: OSError, says: str
) -> None:
    """In the words of the system where it has some."""

    def read_bytes(_: Path) -> bytes:
        raise error

    monkeypatch.setattr(Path, "read_bytes", read_bytes)
    with pytest.raises(ConfigurationRefused) as refused:
        read_configuration(tmp_path / "natkeeper.yaml")
    assert refused.value.problems == (says,)


@pytest.mark.parametrize(
    "raw, says",
    [
        (
            GOOD.encode("utf-16"),
            "is UTF-16 and not UTF-8; save it as UTF-8, or convert it:  iconv -f UTF-16 -t UTF-8 FILE > NEW",
        ),
        (
            b"\xfe\xff" + GOOD.encode("utf-16-be"),
            "is UTF-16 and not UTF-8; save it as UTF-8, or convert it:  iconv -f UTF-16 -t UTF-8 FILE > NEW",
        ),
        (
            f"# \u751f\u4ea7\n{GOOD}".encode("gb18030"),
            "is GBK and not UTF-8; save it as UTF-8, or convert it:  iconv -f GB18030 -t UTF-8 FILE > NEW",
        ),
        (b"a\nb\nc: \xff", "line 3: has a byte that is not UTF-8; save the file as UTF-8"),
        (b"\xff", "line 1: has a byte that is not UTF-8; save the file as UTF-8"),
    ],
)
def test_a_file_of_another_encoding_is_refused_with_the_command_that_converts_it(
    tmp_path: Path, raw: bytes, says: str
) -> None:
    """And one that has none with the line of the first byte that is wrong."""
    path = tmp_path / "natkeeper.yaml"
    path.write_bytes(raw)
    with pytest.raises(ConfigurationRefused) as refused:
        read_configuration(path)
    assert refused.value.problems == (says,)


def test_natkeeper_json_is_what_a_person_can_read() -> None:
    """A function's code is shown by the console: one line for each setting, in the characters that were written."""
    data = {"b": {"description": "\u751f\u4ea7"}, "a": [1]}
    text = as_json(data).decode("utf-8")
    assert text == '{\n "b": {\n  "description": "\u751f\u4ea7"\n },\n "a": [\n  1\n ]\n}\n'
    assert json.loads(text) == data
