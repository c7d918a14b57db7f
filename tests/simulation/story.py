"""A story: what a deployment looks like, how noisy its platform is, and what happens when. Made from one seed.

A story is plain data, so it can be cut down, replayed, and kept as a test.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from tests.fakes.stage import EIP, FALLBACK, PROBE, TABLE, TABLE_2, A, B, C, group
from tests.simulation.refusing import OF_A_HOP, OF_A_RIGHT, OF_A_TABLE, OF_AN_EIP, OF_WORDS
from tests.simulation.region import TRICKLING

OTHER = "natkeeper-of-another-deployment"
STRANGER = "i-stranger"
STRANGE_TABLE = "vtb-strange"
X, Y = "i-xray", "i-yankee"
TABLE_3 = "vtb-three"


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that happens at `at`, in seconds from the beginning."""

    at: float
    what: str
    about: tuple[Any, ...] = ()

    def __str__(self) -> str:
        """Tell it in one line."""
        return f"{clock(self.at)}  {self.what} {' '.join(map(str, self.about))}".rstrip()


@dataclass(frozen=True, slots=True)
class Noise:
    """How bad an ordinary day of the platform is; probabilities of each event and each call."""

    lost: float = 0.0
    twice: float = 0.0
    late_s: float = 0.0
    fails: float = 0.0
    slow: float = 0.0


CALM = Noise()


@dataclass(frozen=True, slots=True)
class Shape:
    """A configuration and what the platform allows in it."""

    groups: dict[str, dict[str, Any]]
    in_place: bool = True
    other: dict[str, dict[str, Any]] | None = None
    """The configuration of another deployment that guards the same routes."""
    by_interface: bool = False
    """Whether its routes lead to the network interfaces of gateways."""
    stopped: tuple[str, ...] = ()
    """Gateways that are stopped when the story begins."""


SHAPES: dict[str, Shape] = {
    "two gateways": Shape({"prod": group()}),
    "three gateways": Shape({"prod": group(gateways=[A, B, C])}),
    "one gateway": Shape({"prod": group(gateways=[A])}),
    "set up": Shape({"prod": group(gateways=[A, B, C], setup={"mode": "apply"})}),
    "checked": Shape({"prod": group(setup={"mode": "check"})}),
    "returns home": Shape({"prod": group(failback="5m", hold_down="1m")}),
    "follow": Shape({"prod": group(gateways=[A, B, C], address={"follow": EIP})}),
    "follow, set up": Shape(
        {"prod": group(address={"follow": EIP}, setup={"mode": "apply"}, failback="10m", fallback=FALLBACK)}
    ),
    "fallback": Shape({"prod": group(fallback=FALLBACK, hold_down="2m")}),
    "fallback over halves": Shape({"prod": group(fallback=FALLBACK, hold_down="2m")}, in_place=False),
    "over halves": Shape({"prod": group(gateways=[A, B, C], failback="5m", hold_down="1m")}, in_place=False),
    "two tables": Shape({"prod": group(gateways=[A, B, C], routes=[{"table": TABLE}, {"table": TABLE_2}])}),
    "zones": Shape(
        {"prod": group(routes=[{"table": TABLE}, {"table": TABLE_2, "prefer": B}], failback="5m", hold_down="1m")}
    ),
    "window": Shape(
        {
            "prod": group(
                gateways=[A, B, C],
                failback="5m",
                hold_down="1m",
                planned={"window": "06:14-06:20", "timezone": "UTC"},
            )
        }
    ),
    "cold": Shape({"prod": group(gateways=[A, B, C], standby="cold")}, stopped=(B, C)),
    "cold, fallback": Shape({"prod": group(standby="cold", fallback=FALLBACK, hold_down="2m")}, stopped=(B,)),
    "interfaces": Shape({"prod": group(gateways=[A, B, C], failback="5m", hold_down="1m")}, by_interface=True),
    "interfaces over halves": Shape(
        {"prod": group(fallback=FALLBACK, hold_down="2m")}, in_place=False, by_interface=True
    ),
    "two deployments": Shape(
        {"prod": group(failback="5m", hold_down="1m")},
        other={"prod": group(gateways=[B, A], failback="5m", hold_down="1m", probe=None)},
    ),
    "no probe": Shape({"prod": group(probe=None)}),
    "two groups": Shape(
        {
            "prod": group(),
            "test": group(gateways=[X, Y], routes=[{"table": TABLE_3}], probe={"function": f"{PROBE}-2"}),
        }
    ),
}


@dataclass(frozen=True, slots=True)
class Story:
    """What is played. `runs`: how many runs at once the platform allows; `retries`: of runs that died."""

    seed: int
    shape: str
    minutes: float
    happenings: tuple[Happening, ...] = ()
    noise: Noise = field(default=CALM)
    runs: int = 1
    retries: int = 2

    @property
    def alone(self) -> bool:
        """Return True if no two runs of natkeeper are under way at once."""
        return self.runs == 1 and SHAPES[self.shape].other is None

    @property
    def quiet(self) -> bool:
        """Return True if nothing happens that calls for a reaction."""
        return all(h.what in HARMLESS for h in self.happenings)

    def tell(self) -> str:
        """Write the story as Python, fit to be kept as a test, after a version for reading."""
        noise = ", ".join(f"{f.name}={getattr(self.noise, f.name):g}" for f in fields(Noise))
        head = f"seed {self.seed}: {self.shape}, {self.minutes:g} minutes, {self.runs} run(s) at once, noise {noise}"
        return "\n".join([head, *(f"  {h}" for h in self.happenings)])

    def as_code(self) -> str:
        """Write it so that Python reads it."""
        happenings = "".join(f"        Happening({h.at:g}, {h.what!r}, {h.about!r}),\n" for h in self.happenings)
        noise = "" if self.noise == CALM else f"    noise={self.noise!r},\n"
        return (
            f"Story(\n    {self.seed}, {self.shape!r}, {self.minutes:g},\n    (\n{happenings}    ),\n{noise}"
            f"    runs={self.runs}, retries={self.retries},\n)"
        )


def clock(second: float) -> str:
    """Write a second of a story as people read it."""
    minutes, seconds = divmod(second, 60)
    return f"{int(minutes):3d}:{seconds:05.2f}"


# ---- making one ------------------------------------------------------------------------------------------

HARMLESS = frozenset(
    ("forged event", "api fails", "api slow", "api stale", "api busy", "killed", "stalled", "frozen", "no timer",
     "status", "throttled")
)  # fmt: skip
"""What must make nobody write anything."""

APIS = ("ecs", "vpc", "vpc writes", "eip", "fc", "all")
KINDS = ("lost out", "lost back", "throttled", "denied")


def make(seed: int) -> Story:
    """Make the story of `seed`."""
    chance = random.Random(seed)
    shape = chance.choice(list(SHAPES))
    noise = CALM
    if chance.random() < 0.5:
        noise = Noise(
            lost=chance.choice((0.0, 0.1, 0.5)),
            twice=chance.choice((0.0, 0.1, 0.5)),
            late_s=chance.choice((0.0, 1.0, 20.0, 120.0)),
            fails=chance.choice((0.0, 0.0, 0.01, 0.05, 0.15)),
            slow=chance.choice((0.0, 0.0, 0.02, 0.1)),
        )
    runs = chance.choice((1, 1, 1, 2, 3))
    harmless = chance.random() < 0.1
    happenings: list[Happening] = []
    at = chance.uniform(30.0, 130.0)
    for _ in range(chance.choice((1, 1, 2, 2, 3, 4, 6, 9))):
        happenings += _something(chance, SHAPES[shape], at, harmless=harmless)
        at += chance.choice((0.0, chance.uniform(0, 3), chance.uniform(0, 20), chance.uniform(0, 120), 400.0))
    tail = 80.0 if chance.random() < 0.05 else chance.uniform(6.0, 16.0)
    happenings.sort(key=lambda h: h.at)
    if any(h.what == "probe is broken" and h.about[0] > 5000 for h in happenings):
        tail += 150.0
    minutes = round(max((h.at for h in happenings), default=0.0) / 60 + tail, 1)
    return Story(seed, shape, minutes, tuple(happenings), noise, runs, chance.choice((0, 2, 2)))


def _something(  # noqa: C901, PLR0912, PLR0915  one arm for each thing that can happen
    chance: random.Random, shape: Shape, at: float, *, harmless: bool
) -> list[Happening]:
    """Choose what happens at `at`; what breaks is often mended later."""
    groups = list(shape.groups.values())
    settings = chance.choice(groups)
    name = next(n for n, s in shape.groups.items() if s is settings)
    gateway = chance.choice(settings["gateways"])
    home = settings["gateways"][0]
    gateway = home if chance.random() < 0.5 else gateway
    table = chance.choice(settings["routes"])["table"]
    follows = isinstance(settings.get("address"), dict)
    kinds: Sequence[tuple[int, str]] = [
        (6, "forged event"), (6, "api fails"), (4, "api slow"), (4, "api stale"), (3, "api busy"), (8, "killed"),
        (3, "stalled"), (1, "frozen"), (2, "no timer"), (1, "status"), (1, "throttled"),
    ]  # fmt: skip
    if not harmless:
        kinds = [
            *kinds,
            (14, "stops"), (8, "hangs"), (8, "loses its rules"), (4, "is reclaimed"), (4, "is maintained"),
            (4, "fails"), (3, "is deleted"), (4, "loses its address"), (5, "switch"), (4, "pause"), (1, "resume"),
            (2, "setup"), (3, "route deleted"), (3, "route re-pointed"), (1, "half added"), (2, "internet down"),
            (3, "nat down"), (9, "is refused"), (3, "tasks take"), (2, "entry is stuck"), (2, "list has holes"),
            (1, "probe is broken"), (2, "is rolled back"), (2, "memory is edited"), (3, "configuration changes"),
            (2, "clock steps"), (3, "answers trickle"), (1, "probe lies"), (3, "table is hidden"),
        ]  # fmt: skip
    what = chance.choices([kind for _, kind in kinds], [weight for weight, _ in kinds])[0]
    at, later = round(at, 2), round(at + chance.choice((0.5, 5.0, 30.0, 90.0, 400.0)) * chance.uniform(0.5, 2), 2)
    back = chance.random() < 0.6
    match what:
        case "stops":
            called = chance.random() < 0.7
            then = [Happening(later, "starts", (gateway, chance.random() < 0.85))] if back else []
            return [Happening(at, "stops", (gateway, called)), *then]
        case "hangs":
            return [Happening(at, "hangs", (gateway,)), *([Happening(later, "wakes", (gateway,))] if back else [])]
        case "loses its rules":
            then = [Happening(later, "gets its rules back", (gateway,))] if back else []
            return [Happening(at, what, (gateway,)), *then]
        case "is reclaimed" | "fails" | "is deleted":
            return [Happening(at, what, (gateway,))]
        case "is maintained":
            return [Happening(at, what, (gateway, chance.choice((20.0, 120.0, 900.0))))]
        case "loses its address" if follows:
            to = chance.choice((None, *settings["gateways"], STRANGER))
            then = [Happening(round(at + 8, 2), "EIP is bound", (EIP, to))] if to else []
            return [Happening(at, "EIP is taken off", (EIP,)), *then]
        case "loses its address":
            then = [Happening(later, "gets an address", (gateway,))] if back else []
            return [Happening(at, what, (gateway,)), *then]
        case "switch":
            to = chance.choice((None, *settings["gateways"], settings.get("fallback")))
            return [Happening(at, what, (name, to, chance.random() < 0.3))]
        case "pause":
            length = chance.choice((1, 5, 20))
            then = [Happening(later, "resume", (name,))] if back else []
            return [Happening(at, what, (name, f"{length}m")), *then]
        case "resume" | "status" | "setup":
            return [Happening(at, what, (name,))]
        case "route deleted":
            return [Happening(at, what, (table,))]
        case "route re-pointed":
            to = chance.choice((STRANGER, *settings["gateways"]))
            then = [Happening(later, what, (table, home))] if back and to == STRANGER else []
            return [Happening(at, what, (table, to)), *then]
        case "half added":
            return [Happening(at, what, (table,)), Happening(later, "half removed", (table,))]
        case "internet down":
            return [Happening(at, what), Happening(later, "internet up")]
        case "is refused":
            return [Happening(at, what, _refusal(chance, settings, table, follows=follows))]
        case "tasks take":
            return [Happening(at, what, (chance.choice((2.0, 5.0, 12.0, 30.0)), chance.choice((20.0, 120.0))))]
        case "entry is stuck":
            return [Happening(at, what, (table, chance.choice((*(5.0, 40.0, 300.0) * 3, 4000.0))))]
        case "list has holes":
            return [Happening(at, what, (chance.choice((gateway, gateway, "*")), chance.choice((0.3, 5.0, 90.0))))]
        case "configuration changes":
            how = chance.choice(("order", "failback", "replaced", "replaced"))
            then = [Happening(later, "is deleted", (gateway,))] if how == "replaced" and back else []
            return [Happening(at, what, (name, how, gateway)), *then]
        case "clock steps":
            return [Happening(at, what, (chance.choice((-3600.0, -90.0, 45.0, 180.0, 3600.0)),))]
        case "answers trickle":
            return [Happening(at, what, (chance.choice(tuple(TRICKLING)), chance.choice((20.0, 200.0, 1000.0))))]
        case "probe lies":
            return [Happening(at, what, (chance.choice((30.0, 300.0)),))]
        case "is rolled back":
            return [Happening(at, what, (table, chance.choice(("letters", "moves", "bridges"))))]
        case "table is hidden":
            code, seconds = chance.choice((*OF_A_RIGHT, "SomethingNew")), chance.choice((20.0, 180.0, 900.0))
            return [Happening(at, "is refused", ("read", code, None, table, seconds))]
        case "memory is edited":
            return [Happening(at, what, (table, chance.choice(("cut", "words", "garbled", "gone"))))]
        case "probe is broken":
            return [Happening(at, what, (chance.choice((*(60.0, 1200.0) * 3, 9000.0)),))]
        case "nat down":
            if settings.get("fallback") is None:
                return []
            return [Happening(at, what), *([Happening(later, "nat up")] if back else [])]
        case "forged event":
            return [Happening(at, what, (chance.randrange(len(FORGERIES)), gateway, table))]
        case "api fails":
            seconds = round(chance.choice((0.5, 3.0, 20.0, 120.0)) * chance.uniform(0.5, 1.5), 2)
            return [Happening(at, what, (chance.choice(APIS), chance.choice(KINDS), seconds))]
        case "api slow":
            return [Happening(at, what, (chance.choice(APIS), chance.choice((0.5, 2.0, 6.0)), chance.choice((5, 60))))]
        case "api stale":
            return [Happening(at, what, (chance.choice((1.0, 4.0, 10.0)),))]
        case "api busy":
            return [Happening(at, what, (chance.choice((0.5, 2.0, 6.0, 20.0)),))]
        case "killed":
            return [Happening(at, what, (chance.choice(range(14)), chance.random() < 0.5))]
        case "stalled":
            return [Happening(at, what, (chance.choice(range(3)), chance.choice((0.5, 3.0, 12.0))))]
        case "frozen" | "no timer" | "throttled":
            return [Happening(at, what)]
    raise AssertionError(what)


def _refusal(chance: random.Random, settings: dict[str, Any], table: str, *, follows: bool) -> tuple[Any, ...]:
    """Choose what is refused, for how long, and about what."""
    hops = [*settings["gateways"], *([settings["fallback"]] if settings.get("fallback") else [])]
    seconds = chance.choice((1.0, 8.0, 60.0, 400.0, 4000.0))
    about = chance.choice(("hop", "hop", "hop", "table", "right", "words", *(("eip", "eip", "eip") if follows else ())))
    match about:
        case "hop":
            return "route", chance.choice(OF_A_HOP), chance.choice(hops), None, seconds
        case "table":
            return chance.choice(("point", "note", "delete", "route")), chance.choice(OF_A_TABLE), None, table, seconds
        case "right":
            kinds = ("point", "note", "route", *(("eip", "take", "give") if follows else ()))
            return chance.choice(kinds), chance.choice(OF_A_RIGHT), None, chance.choice((None, table)), seconds
        case "words":
            return "words", chance.choice(OF_WORDS), None, None, seconds
        case _:
            hop = chance.choice((None, *settings["gateways"]))
            return chance.choice(("give", "take")), chance.choice(OF_AN_EIP), hop, None, seconds


FORGERIES = (
    "a healthy gateway is said to be Stopped",
    "a stranger is said to be Stopped",
    "a spot notice for a healthy gateway",
    "a system failure of a healthy gateway",
    "a route call on a guarded table",
    "a route call on a strange table",
    "a record of a failed function, but not of a probe",
    "no JSON",
    "shell in every field",
    "a stop call on a healthy gateway",
    "an old report of the probe",
)
