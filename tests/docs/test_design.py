"""docs/design.md is the one place of the rules and the words, and nothing of the layout before it is left."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.docs.markdown import DESIGN, ROOT, pages, section

TEXTS = frozenset((".py", ".sh", ".md", ".json", ".yaml", ".toml"))
TREES = ("functions", "shared", "lab", "tests", "docs", "templates")
_RULES = re.compile(r"\brules? (\d+(?:(?:, | and | to |, and )\d+)*)", re.IGNORECASE)
_NUMBERED = re.compile(r"^(\d+)\. \*\*(.+?)\*\*", re.MULTILINE)
_WORD = re.compile(r"^\| ([a-z][a-z ]*) \| ", re.MULTILINE)


@cache
def texts() -> dict[Path, str]:
    """Return every text file of the checkout that people edit, with its content."""
    files = (path for tree in TREES for path in (ROOT / tree).rglob("*") if path.suffix in TEXTS and path.is_file())
    found = [*files, *pages(), ROOT / "pyproject.toml", ROOT / "Makefile", ROOT / "s.yaml"]
    return {
        path: path.read_text(encoding="utf-8") for path in found if "node_modules" not in path.relative_to(ROOT).parts
    }


def rules() -> dict[int, str]:
    """Return the titles of the numbered rules."""
    return {int(number): title for number, title in _NUMBERED.findall(section(DESIGN, "Rules"))}


def cited() -> Iterator[tuple[str, int]]:
    """Yield every place that cites a rule by number."""
    for path, text in texts().items():
        for match in _RULES.finditer(text):
            for number in re.findall(r"\d+", match[1]):
                yield str(path.relative_to(ROOT)), int(number)


def test_the_rules_are_numbered_without_a_gap() -> None:
    """A citation finds its rule by counting."""
    assert list(rules()) == list(range(1, len(rules()) + 1))
    assert len(rules()) == 15


def test_every_rule_that_is_cited_exists() -> None:
    """A reader who meets "rule 5" in the code finds it in docs/design.md."""
    places = list(cited())
    assert len(places) > 60
    assert [place for place in places if place[1] not in rules()] == []


def test_every_rule_says_whether_it_holds_and_what_holds_it() -> None:
    """The table below the rules covers each number once and names files that exist."""
    covered: list[int] = []
    for line in section(DESIGN, "Rules").splitlines():
        if match := re.match(r"\| (\d[^|]*) \| ([^|]+) \| (.+) \|$", line):
            covered += _numbers(match[1])
            named = re.findall(r"`(tests/[\w/.]+)`", match[3])
            assert named or not match[2].startswith("hold"), line
            assert [name for name in named if not (ROOT / name).is_file()] == []
    assert sorted(covered) == list(rules())


def _numbers(text: str) -> list[int]:
    """Return the numbers that `1 to 6, 9` stands for."""
    found: list[int] = []
    for part in text.split(", "):
        first, _, last = part.partition(" to ")
        found += range(int(first), int(last or first) + 1)
    return found


def words() -> list[str]:
    """Return the words that the glossary explains."""
    return [word for word in _WORD.findall(section(DESIGN, "Words")) if word != "word"]


@cache
def vocabulary() -> str:
    """Return all code as separate lower-case words: `GatewayReport` and `gateway_report` are `gateway report`."""
    code = "\n".join(
        text
        for path, text in texts().items()
        if path.suffix in {".py", ".sh"} and "tests" not in path.relative_to(ROOT).parts
    )
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", code)
    return re.sub(r"[\W_]+", " ", apart).lower()


@pytest.mark.parametrize("word", words())
def test_every_word_of_the_glossary_is_used_in_the_code(word: str) -> None:
    """A word that the code does not use explains nothing."""
    assert re.search(rf"\b{word}s?\b", vocabulary()), word


# ---- the layout before this one -----------------------------------------------------------------------------

OLD_FILES = (
    *(f"shared/natkeeper/{name}.py" for name in (
        "receipts", "look", "wake", "haste", "attend", "errands", "controller", "observe", "apply", "looks", "upkeep",
        "account", "view", "notify", "probe",
    )),
    *(f"shared/natkeeper/alibaba/{name}.py" for name in ("plan", "reading", "look_script")),
    *(f"shared/natkeeper/cli/{name}.py" for name in (
        "seat", "reach", "asking", "exits", "screen", "configuring", "looking", "acting", "doctoring", "granting",
        "drilling", "costing", "completing", "trail", "making", "moving", "board", "draft", "advice",
    )),
    "shared/natkeeper/cli/drill/feeling.py",
    *(f"shared/natkeeper/domain/{name}.py" for name in (
        "here", "suspicion", "choose", "follow", "detour", "refusal",
    )),
    "lab/natlab/lab",
    "lab/natlab/bench/parcels.py",
    "lab/natlab/bench/place.py",
    "lab/natlab/bench/figures.py",
    "lab/natlab/scenarios/figures.py",
    "lab/natlab/cloud/substrate.py",
    "lab/natlab/simulated/substrate.py",
    "lab/natlab/demo/troupe.py",
    "lab/natlab/drill/felt.py",
    *(f"lab/natlab/scenarios/{name}.py" for name in ("ground", "world", "again")),
)  # fmt: skip
"""What moved: none of these files may come back."""

_REUSED = frozenset(("natkeeper.drill", "natkeeper.probe", "natkeeper.notify"))
"""Names of folders today that were files before."""


def old_modules() -> list[str]:
    """Return the dotted names of the modules that moved."""
    stems = (re.sub(r"^(shared|lab)/|\.py$", "", name).replace("/", ".") for name in OLD_FILES)
    return [stem for stem in stems if stem not in _REUSED]


@pytest.mark.parametrize("name", OLD_FILES)
def test_no_file_of_the_old_layout_is_left(name: str) -> None:
    """A merge that brings one back is noticed."""
    assert not (ROOT / name).exists()


@pytest.mark.parametrize("module", old_modules())
def test_no_text_names_a_module_of_the_old_layout(module: str) -> None:
    """Neither by its dotted name nor by its path below the package."""
    path = module.split(".", 1)[1].replace(".", "/") + ".py"
    named = re.compile(rf"\b{re.escape(module)}\b|(?<![\w/]){re.escape(path)}\b")
    others = {file: text for file, text in texts().items() if file != Path(__file__)}
    assert [str(file.relative_to(ROOT)) for file, text in others.items() if named.search(text)] == []


OLD_NAMES = (
    *("Errand", "Here", "Seat", "Reach", "Ground", "Town", "Kept", "Looks", "Felt"),
    *("Substrate", "NullSubstrate", "SimulatedSubstrate", "LabSubstrate"),
    "Troupe",
    *("LookThroughProbe", "LookFromHere", "StartLook", "ReadLook", "NotLooked", "EipTake", "EipGive"),
)
"""Classes that are called by the words of the glossary, or of the platform, now."""


@pytest.mark.parametrize("name", OLD_NAMES)
def test_no_class_of_the_old_names_is_left(name: str) -> None:
    """One word for one thing: a name that comes back brings a second word with it."""
    defined = re.compile(rf"^ *class {name}\b", re.MULTILINE)
    assert [str(path.relative_to(ROOT)) for path, text in texts().items() if defined.search(text)] == []


OLD_WORDS = re.compile(
    r"(?<![a-z])(substrate|troupe|upkeep|errand|somebody|whoever|anybody|for[ _]ever(?!y)|shouted|befalls?)(?![a-z])",
    re.IGNORECASE,
)
"""Words of the code that the words of the glossary replaced, and words that hide who acts."""


def test_no_text_uses_a_word_that_was_replaced() -> None:
    """One word for one thing: "a person", "someone else", "the caller" or the program's own name say who acts."""
    others = {path: text for path, text in texts().items() if path != Path(__file__)}
    found = {path.relative_to(ROOT): OLD_WORDS.findall(text) for path, text in others.items()}
    assert {str(path): words for path, words in found.items() if words} == {}
