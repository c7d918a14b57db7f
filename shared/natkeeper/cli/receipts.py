"""Receipts for a person: one sentence for each group, what was seen and done, and what it means for the exit code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from natkeeper.cli.errors import Exit

if TYPE_CHECKING:
    from natkeeper.cli.output import Screen

Json = dict[str, Any]

_CODES = {"attention": Exit.ATTENTION, "refused": Exit.REFUSED}
_ORDER = ("quiet", "changed", "waiting", "refused", "attention")
_MOVES = ("moved", "created", "bridged")
_MARK = {"quiet": "ok", "changed": "done", "waiting": "under way", "attention": "ATTENTION", "refused": "refused"}
_NOT_DONE = "nothing was done"
_STYLE = {"quiet": "green", "changed": "green", "waiting": "yellow", "attention": "bold red", "refused": "red"}


def conclude(screen: Screen, answer: Json, *, would: bool = False, looks: bool = False) -> Exit:
    """Show an answer and say how the command ends; `would`: nothing was done, and what would be is told.

    `looks`: the command is about how things are, so a trouble that lasts shows, and decides how it ends.
    """
    looks = looks or would
    if screen.as_json:
        screen.data(answer)
    else:
        for receipt in answer.get("receipts", ()):
            show(screen, receipt, would=would, looks=looks)
        for reason in answer.get("ignored", ()):
            screen.say(f"ignored: {reason}")
    return exit_of(answer) if looks else _of_outcomes(answer)


def lasting(receipt: Json) -> str:
    """Return the kind of the first episode that lasts; empty where none does."""
    return next(iter(all_lasting(receipt)), "")


def all_lasting(receipt: Json) -> tuple[str, ...]:
    """Return the kinds of all episodes that last."""
    return tuple(str(each.get("kind")) for each in receipt.get("episodes") or () if "ended" not in each)


def style_of(kind: str) -> str:
    """Return the colour of a kind of episode."""
    return "red" if kind in ("dark", "blind") else "yellow"


def show(screen: Screen, receipt: Json, *, would: bool = False, looks: bool = False) -> None:
    """Show one receipt."""
    from rich.text import Text

    outcome = str(receipt.get("outcome"))
    mark = _NOT_DONE if would and outcome == "waiting" else _MARK.get(outcome, outcome)
    style = _STYLE.get(outcome, "")
    if looks and outcome == "quiet" and (lasts := lasting(receipt)):  # the run did nothing, and all is not well
        mark, style = lasts, style_of(lasts)
    line = Text.assemble(
        (f"{receipt['group']}: ", "bold"),
        (mark, style),
        f": {screen.named(str(receipt['sentence']))}",
    )
    screen.show(line)
    told = str(receipt["sentence"])
    for deed in receipt.get("did", ()):
        if deed not in told:
            screen.say(f"  did: {deed}")
    for problem in (one for one in receipt.get("problems", ()) if one not in told):
        screen.say(f"  problem: {problem}", "yellow")
    ms = receipt.get("ms", {})
    if receipt.get("did") and "total" in ms:
        written = f", the first write accepted after {ms['written']} ms" if "written" in ms else ""
        screen.say(f"  took {ms['total']} ms{written}", "dim")


def exit_of(answer: Json) -> Exit:
    """Say how a command that looks ends: with `ok` of the answer, which is false while a trouble lasts."""
    code = _of_outcomes(answer)
    return Exit.ATTENTION if code is Exit.OK and answer.get("ok") is False else code


def _of_outcomes(answer: Json) -> Exit:
    """Say how a command that does something ends: by what its run did, and whether a move was seen to work."""
    code = _CODES.get(worst(answer), Exit.OK)
    return Exit.ATTENTION if code is Exit.OK and any(map(_not_seen, answer.get("receipts", ()))) else code


def _not_seen(receipt: Json) -> bool:
    """Return True if a run moved a route for good, and nobody has seen private hosts reach the internet since."""
    moved = any(act.get("kind") in _MOVES for act in receipt.get("acts", ()))
    return moved and receipt.get("outcome") == "changed" and receipt.get("verified") is not True


def worst(answer: Json) -> str:
    """Return the outcome of an answer that matters most."""
    outcomes = [str(receipt.get("outcome")) for receipt in answer.get("receipts", ())]
    return max(outcomes, key=lambda outcome: _ORDER.index(outcome) if outcome in _ORDER else 0, default="quiet")
