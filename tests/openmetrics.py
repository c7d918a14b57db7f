"""A strict reader of OpenMetrics 1.0 text, as far as gauges go: what its specification forbids is refused."""

from __future__ import annotations

import re

_NAME = "[a-zA-Z_:][a-zA-Z0-9_:]*"
_TEXT = r'(?:[^"\\\n]|\\["\\n])*'
_LABEL = rf'[a-zA-Z_][a-zA-Z0-9_]*="{_TEXT}"'
_LABELS = rf"(?:\{{(?:{_LABEL}(?:,{_LABEL})*)?\}})?"
_NUMBER = r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?"
_SAMPLE = re.compile(rf"({_NAME})({_LABELS}) ({_NUMBER})")
_ABOUT = re.compile(rf"# (TYPE|HELP|UNIT) ({_NAME}) ((?:[^\\\n]|\\[n\\\"])*)")
_RESERVED = "_total", "_created", "_bucket", "_count", "_sum", "_gcount", "_gsum", "_info"


def gauges(text: str) -> dict[str, dict[str, float]]:
    """Read families, each with its values by labels. Raises AssertionError at the first thing that is not allowed."""
    assert text.endswith("# EOF\n"), "the last line is # EOF, ended"
    found: dict[str, dict[str, float]] = {}
    family, told = "", set[str]()
    for line in text.splitlines()[:-1]:
        about, sample = _ABOUT.fullmatch(line), _SAMPLE.fullmatch(line)
        if about is not None:
            kind, name, said = about.groups()
            if name != family:
                assert name not in found, f"{name} is not in one piece"
                assert not name.endswith(_RESERVED), name
                family, told, found[name] = name, set(), {}
            assert kind not in told, line
            assert not found[name], f"{line} comes after samples"
            assert kind != "TYPE" or said == "gauge", line
            told.add(kind)
        else:
            assert sample is not None, line
            name, labels, value = sample.groups()
            assert name == family, f"{name} is not of {family}"
            assert "TYPE" in told, line
            keys = re.findall(r'([a-zA-Z0-9_]+)="', re.sub(rf'"{_TEXT}"', '""', labels))
            assert len(keys) == len(set(keys)), line
            assert labels not in found[name], f"{line} twice"
            found[name][labels] = float(value)
    return found
