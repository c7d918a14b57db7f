"""What sentences, items and troubles look like on a terminal, in a pipe, and for a machine: to the letter."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence

import pytest
from rich.console import Console
from rich.text import Text

from natkeeper.cli.output import STYLE, Screen, item, names_in, styled, with_names

NAME = {"i-a": "nat-a"}
ODD = "at 127.0.0.1, :warning: [red] of i-a"
ODD_NAMED = "at 127.0.0.1, :warning: [red] of nat-a (i-a)"
LONG = "one two three four five six seven eight"
WORDS = "  one two three four five six seven eight nine"
"""Wider than the terminal of these tests, which has thirty columns."""


class Stream(io.StringIO):
    """A standard stream: what was `shown` is what was flushed."""

    def __init__(self, encoding: str, *, terminal: bool) -> None:
        super().__init__()
        self._of, self._terminal, self.shown = encoding, terminal, ""

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._of

    def isatty(self) -> bool:
        return self._terminal

    def flush(self) -> None:
        self.shown = self.getvalue()


Streams = tuple[Stream, Stream]


@pytest.fixture
def streams(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Streams]:
    """Make standard output and standard error such streams; those that are named are terminals."""
    for key, value in (("COLUMNS", "30"), ("TERM", "xterm")):
        monkeypatch.setenv(key, value)
    for key in ("NO_COLOR", "FORCE_COLOR", "COLORTERM", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(key, raising=False)

    def make(*terminals: str, encoding: str = "utf-8") -> Streams:
        out, err = (Stream(encoding, terminal=name in terminals) for name in ("out", "err"))
        monkeypatch.setattr("sys.stdout", out)
        monkeypatch.setattr("sys.stderr", err)
        return out, err

    return make


Act = Callable[[Screen], object]
SAID: dict[str, tuple[Act, Streams | Sequence[str], Sequence[str]]] = {
    # what is done; standard output and standard error on a terminal; both in a pipe
    "a sentence of others": (
        lambda to: to.say(ODD), ("at 127.0.0.1, :warning: [red] \nof nat-a (i-a)\n", ""), (f"{ODD_NAMED}\n", ""),
    ),
    "a sentence in a colour": (
        lambda to: to.say("all is well", "green"), ("\x1b[32mall is well\x1b[0m\n", ""), ("all is well\n", ""),
    ),
    "a remark": (
        lambda to: to.remark("to [b] :eyes: i-a 1"), ("", "\x1b[2mto [b] :eyes: nat-a (i-a) 1\x1b[0m\n"),
        ("", "to [b] :eyes: nat-a (i-a) 1\n"),
    ),
    "progress": (lambda to: to.progress("moves i-a"), ("", "\x1b[2mmoves nat-a (i-a)\x1b[0m\n"),
                 ("", "moves nat-a (i-a)\n")),
    "a figure that nobody colours": (lambda to: to.show("at 127.0.0.1 :eyes:"), ("at 127.0.0.1 :eyes:\n", ""),
                                     ("at 127.0.0.1 :eyes:\n", "")),
    "a line as it is laid out": (
        lambda to: to.show(Text(LONG)), ("one two three four five six \nseven eight\n", ""), (f"{LONG}\n", ""),
    ),
    "an indented sentence": (
        lambda to: to.say(WORDS), ("  one two three four five\n    six seven eight nine\n", ""), (f"{WORDS}\n", ""),
    ),
    "an indented sentence that just fits": (
        lambda to: to.say("    one two three four five x"), ("    one two three four five\n      x\n", ""),
        ("    one two three four five x\n", ""),
    ),
    "a trouble": (
        lambda to: to.trouble("i-a went [b]\nand one two three four", "wait for :eyes: 10 s", 3),
        ("", ("natkeeper: nat-a (i-a) went\n           [b]\n           and one two three\n           four\n"
              "           wait for :eyes: 10\n           s\n")),
        ("", "natkeeper: nat-a (i-a) went [b]\nand one two three four\n           wait for :eyes: 10 s\n"),
    ),
    "a trouble that just fits": (
        lambda to: to.trouble("one two three four", "", 3), ("", "natkeeper: one two three four\n"),
        ("", "natkeeper: one two three four\n"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("act, terminal, pipe", SAID.values(), ids=SAID)
def test_what_is_said_has_one_form_on_a_terminal_and_one_in_a_pipe(
    streams: Callable[..., Streams], act: Act, terminal: Sequence[str], pipe: Sequence[str]
) -> None:
    """Broken between words below itself, or one line; nothing of it is markup, and a machine hears nothing of it."""
    for wanted, terminals in ((terminal, ("out", "err")), (pipe, ())):
        made = streams(*terminals)
        act(Screen(names=NAME))
        assert [each.shown for each in made] == [*wanted]


def test_each_stream_is_a_terminal_or_a_pipe_by_itself(streams: Callable[..., Streams]) -> None:
    """`natkeeper status | less` still has a person before standard error."""
    for terminal, lines in (("out", [2, 1]), ("err", [1, 2])):
        made, screen = streams(terminal), Screen()
        screen.say(LONG)
        screen.remark(LONG)
        assert [each.shown.count("\n") for each in made] == lines


@pytest.mark.parametrize("act", [act for act, *_ in SAID.values()], ids=SAID)
def test_a_machine_gets_an_object_and_no_sentence(streams: Callable[..., Streams], act: Act) -> None:
    """Only a trouble is told, as an object as well."""
    made = streams("out", "err")
    act(Screen(as_json=True))
    assert not made[1].shown
    assert made[0].shown.partition(",")[0] in ("", '{\n "ok": false')


def test_an_object_is_for_machines_and_still_readable(streams: Callable[..., Streams]) -> None:
    """It is there at once, with names in any alphabet; how a command failed is an object, too."""
    screen = Screen(as_json=True)
    out, err = streams()
    screen.data({"name": "名称"})
    assert out.shown == '{\n "name": "名称"\n}\n'
    out, err = streams()
    screen.trouble("i-a is gone", "wait", 3)
    assert out.shown == '{\n "ok": false,\n "error": "i-a is gone",\n "do": "wait",\n "exit": 3\n}\n'
    assert not err.shown


def test_a_terminal_that_was_closed_does_not_end_the_putting_back(
    streams: Callable[..., Streams], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Progress is a courtesy."""
    _, err = streams()

    def closed(_: str) -> int:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(err, "write", closed)
    Screen().progress("puts the route back")


@pytest.mark.parametrize("encoding, sign", [("utf-8", "⠋"), ("gbk", "-")])
def test_a_person_sees_that_something_takes_its_time(streams: Callable[..., Streams], encoding: str, sign: str) -> None:
    """By signs that the terminal has; a pipe and a machine get none, and what takes its time is done in any case."""
    for terminal, as_json in (("err", False), ("out", False), ("err", True)):
        out, err = streams(terminal, encoding=encoding)
        done = []
        with Screen(as_json).working("looking"):
            done.append(1)
        assert (done, out.shown) == ([1], "")
        assert (f"{sign}\x1b[0m looking" in err.shown, bool(err.shown)) == ((terminal == "err" and not as_json,) * 2)


# ---- words, names ----------------------------------------------------------------------------------------


def test_a_word_has_the_colour_of_what_it_means() -> None:
    """Green needs nobody, yellow will, red does; what nobody could see is magenta. Another word has none."""
    colours = {
        "green": {"healthy", "available", "quiet", "ok"},
        "yellow": {"draining", "waiting", "advice"},
        "red": {"unhealthy", "missing", "attention", "refused", "wrong"},
        "magenta": {"unknown", "unseen"},
        "cyan": {"changed"},
    }
    assert {colour: {word for word, its in STYLE.items() if its == colour} for colour in colours} == colours
    assert [styled(word) for word in ("quiet", "[odd]")] == ["[green]quiet[/]", r"\[odd]"]


def test_names_are_learnt_from_receipts() -> None:
    """A gateway without a name, or called by its id, has none to put beside the id."""
    gateways = [{"id": "i-a", "name": "nat-a"}, {"id": "i-b", "name": "i-b"}, {"id": "i-c", "name": ""}, {"id": "i-d"}]
    assert names_in({"gateways": gateways}) == NAME
    screen = Screen(names={"i-x": "old"})
    screen.learn({"receipts": [{"view": None}, {}, {"view": {"gateways": gateways}}]})
    screen.learn({})
    assert screen.names == {"i-x": "old", **NAME}


@pytest.mark.parametrize("line", ["`look`, then `start i-a`", "natkeeper setup i-a", "--gateway=i-a"])
def test_an_id_in_a_command_stays_alone_behind_others(line: str) -> None:
    """The sentence may have quoted something before."""
    assert with_names(line, NAME) == line
    assert with_names(f"{line} and i-a", NAME) == f"{line} and nat-a (i-a)"


# ---- items -----------------------------------------------------------------------------------------------

CHINESE = "备用网关"
Laid = tuple[int, int, Sequence[str], Sequence[str], str]
ITEMS: dict[str, Laid] = {
    # width, indent, facts, what stands below; how it looks
    "one line": (20, 2, ["one", "two"], [], "  one  two"),
    "the last column stays free": (11, 2, ["four", "two"], [], "  four\n      two"),
    "one column less": (12, 2, ["four", "two"], [], "  four  two"),
    "a third fact goes on below": (20, 0, ["alpha", "bravo", "charlie", "d"], [], "alpha  bravo\n    charlie  d"),
    "what stands below goes on at its margin": (
        24, 2, ["one"], ["two three four five", "six"], "  one\n      two three four\n      five\n      six",
    ),
    "a sentence is broken between words": (
        24, 2, ["a sentence that is wider", "x"], [], "  a sentence that is\n    wider\n      x",
    ),
    "a sentence after a fact": (
        24, 2, ["fact", "a sentence that is wider", "x"], [],
        "  fact\n      a sentence that is\n    wider\n      x",
    ),
    "a character of two cells": (13, 2, [CHINESE, "x"], [], f"  {CHINESE}\n      x"),
    "two such": (15, 2, [CHINESE, "x"], [], f"  {CHINESE}  x"),
    "what is narrow still has room for words": (12, 0, ["x"], ["one two three fo"], "x\n    one two three fo"),
    "and no more than that": (12, 0, ["x"], ["one two three four"], "x\n    one two three\n    four"),
    "others' brackets and signs": (60, 0, ["[x", "a[b]", ":eyes:"], ["[b]:eyes:"], "[x  a[b]  :eyes:\n    [b]:eyes:"),
}  # fmt: skip


@pytest.mark.parametrize("laid", ITEMS.values(), ids=ITEMS)
def test_an_item_is_broken_between_its_facts_and_never_in_a_word(laid: Laid) -> None:
    """A line leaves the last column free; in a pipe all of it is one line."""
    width, indent, facts, about, looks = laid
    facts = [fact.replace("[x", r"\[x") for fact in facts]
    for terminal in (True, False):
        console = Console(width=width, force_terminal=terminal, file=io.StringIO())
        text = item(console, indent, facts, about)
        one_line = " " * indent + "  ".join([*facts, *about]).replace("\\", "")
        assert text.plain == (looks if terminal else one_line)


@pytest.mark.parametrize("terminal", [True, False])
def test_an_item_has_the_colours_of_its_words_and_its_own(*, terminal: bool) -> None:
    """On a terminal and, for `CLICOLOR_FORCE` and the like, elsewhere."""
    console = Console(width=60, force_terminal=terminal, file=io.StringIO())
    text = item(console, 0, ["[green]:eyes:[/]", "two"], style="red")
    assert (text.markup, text.style) == ("[red][green]:eyes:[/green]  two[/red]", "red")
