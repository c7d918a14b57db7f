"""The command reference cannot go stale, and the guides name every command."""

from __future__ import annotations

import re

import pytest

from natkeeper.cli.app import COMMANDS, app
from natkeeper.cli.command_list import _first_sentence, did_you_mean
from natkeeper.cli.reference import reference
from tests.cli.town import ROOT


def test_the_reference_is_what_the_commands_say() -> None:
    """`python -m natkeeper.cli.reference > docs/commands.md` after a change."""
    assert (ROOT / "docs" / "commands.md").read_text(encoding="utf-8") == reference()


def test_the_reference_names_every_option() -> None:
    """Every command, and every option that it takes."""
    text = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    for name in COMMANDS:
        section = text.partition(f"\n## natkeeper {name}\n")[2].partition("\n## ")[0]
        command = app.get_command(None, name)  # type: ignore[arg-type]  # the table needs no context
        assert command is not None
        options = [one for parameter in command.params for one in parameter.opts if one.startswith("--")]
        assert all(option in section for option in options), name


@pytest.mark.parametrize("page", ["README.md", "README.zh-CN.md", "docs/operations.md", "docs/zh/operations.md"])
def test_the_guides_name_every_command(page: str) -> None:
    """What there is can be found where people read."""
    text = (ROOT / page).read_text(encoding="utf-8")
    missing = [name for name in COMMANDS if not re.search(rf"natkeeper\s+{name}\b", text)]
    assert not missing


def below(text: str) -> str:
    """Return the paragraph on the options that all commands share: the one that tells of `--json`."""
    return next(part for part in text.split("\n\n") if "`--json`、" in part)


def test_the_chinese_page_names_every_option_in_the_row_of_its_command() -> None:
    """Options that every command takes stand below the table. In English, docs/commands.md has them."""
    text = (ROOT / "docs" / "zh" / "operations.md").read_text(encoding="utf-8")
    for name in COMMANDS:
        (row,) = (line for line in text.splitlines() if line.startswith(f"| `natkeeper {name}` |"))
        command = app.get_command(None, name)  # type: ignore[arg-type]  # the table needs no context
        assert command is not None
        given = [one for parameter in command.params for one in (*parameter.opts, *parameter.secondary_opts)]
        wanted = [option for option in given if option.startswith("--")]
        assert [option for option in wanted if f"`{option}`" not in row + below(text)] == []


@pytest.mark.parametrize(
    "text, listed",
    [
        ("Show what\n  there is. It only looks.\n\nMore.", "Show what there is."),
        ("Does a message arrive?\n\nMore", "Does a message arrive?"),
        ("Show it\n\nMore.", "Show it."),
    ],
)
def test_the_list_of_commands_has_a_whole_sentence_of_each(text: str, listed: str) -> None:
    """The first one, with its full stop or its question mark."""
    assert _first_sentence(text) == listed


def test_one_word_is_guessed_or_none() -> None:
    """The nearest."""
    assert did_you_mean("stats", ["start", "status"]) == " Did you mean status?"
    assert did_you_mean("xyzzy", ["start", "status"]) == ""
