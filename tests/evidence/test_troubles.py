"""Which troubles a world shows, and of which kinds it allows to say that there is none. Pure."""

from __future__ import annotations

from datetime import timedelta
from types import MappingProxyType

from natkeeper.domain.config import Group
from natkeeper.domain.decide import decide
from natkeeper.domain.egress import EgressLost, EgressSeen, EvidenceKind
from natkeeper.domain.episodes import EpisodeKind, Trouble
from natkeeper.domain.evidence import of_hop, stronger
from natkeeper.domain.memory import Memory, decode, encode, rewritten
from natkeeper.domain.observed import Unseen
from natkeeper.domain.probe_config import Probe
from natkeeper.domain.selection import left_words
from natkeeper.domain.troubles import Judged, troubles_of
from natkeeper.domain.world import World
from tests.deciding.worlds import (
    BLIND,
    FOLLOWS,
    NAT,
    NOON,
    STRANGER,
    A,
    B,
    ago,
    eip,
    gateway,
    group,
    hop,
    lost,
    marked,
    moved,
    seen,
    world,
)


def judged(state: World, policy: Group | None = None, *, was_dark: bool = False) -> Judged:
    """What is wrong at noon."""
    policy = policy or group()
    return troubles_of(state, policy, decide(state, policy, NOON), NOON, reports=True, was_dark=was_dark)


def kinds(found: Judged) -> set[EpisodeKind]:
    """The kinds of trouble that were found."""
    return {trouble.kind for trouble in found.troubles}


def dark(found: Judged) -> Trouble:
    """The darkness that was found."""
    return next(trouble for trouble in found.troubles if trouble.kind is EpisodeKind.DARK)


def test_a_missing_entry_is_dark() -> None:
    """Nothing carries what private hosts send."""
    assert dark(judged(world(on=None, a="Stopped", b="Stopped"))).cause == "the route entry is missing"


def test_a_gateway_that_the_eip_is_not_on_is_dark() -> None:
    """With one EIP for all, nobody gets out through a gateway that lacks it, unless it has an address of its own."""
    policy = group(address=FOLLOWS)
    bare = gateway(public_ip=None)
    away = world(a=bare, b=bare, eip=eip(B))
    assert dark(judged(away, policy)).cause == "the EIP 198.51.100.77 is not on i-gwa, which carries the route"
    assert EpisodeKind.DARK not in kinds(judged(world(a=bare, b=bare, eip=eip(A)), policy))
    assert EpisodeKind.DARK not in kinds(judged(world(eip=eip(B)), policy))


def test_a_mark_that_nobody_has_looked_into_is_neither_dark_nor_well() -> None:
    """It did not work then; whether it does now is not known."""
    found = judged(world(memory=marked((A, ago(5)))))
    assert EpisodeKind.DARK not in kinds(found) | found.well


def test_a_gateway_that_is_gone_is_dark_whatever_is_remembered_of_it() -> None:
    """A mark of before makes certain death no less certain."""
    found = judged(world(memory=marked((A, ago(5))), a=None, b=None))
    assert "does not exist" in dark(found).cause


def test_darkness_ends_by_evidence_and_not_by_silence() -> None:
    """Healthy by ECS ends nothing; a look from a private host's place does."""
    assert EpisodeKind.DARK not in judged(world(), was_dark=True).well
    assert EpisodeKind.DARK in judged(world(a=seen()), was_dark=True).well
    assert EpisodeKind.DARK in judged(world()).well


def test_a_look_on_the_gateway_ends_darkness_only_where_no_probe_could_see_more() -> None:
    """The best evidence that the group can have."""
    itself = gateway(egress=EgressSeen(NOON, None, EvidenceKind.GATEWAY_ITSELF))
    assert EpisodeKind.DARK in judged(world(a=itself), was_dark=True).well
    probed = group(probe=Probe(function="natkeeper-probe"))
    assert EpisodeKind.DARK not in judged(world(a=itself), probed, was_dark=True).well


def test_a_strangers_next_hop_is_not_judged_dark() -> None:
    """Someone else sends the packets elsewhere; whether they arrive is theirs to know."""
    found = judged(world(on=STRANGER))
    assert EpisodeKind.DARK not in kinds(found)


def test_a_gateway_that_cannot_be_seen_is_blind() -> None:
    """So is a table."""
    assert EpisodeKind.BLIND in kinds(judged(world(a=BLIND)))
    assert EpisodeKind.BLIND in kinds(judged(world(on=BLIND)))
    assert EpisodeKind.BLIND in judged(world()).well


def test_what_to_do_about_an_internet_that_is_away_is_not_to_repair_gateways() -> None:
    """The targets do not answer Function Compute either."""
    state = world(a=lost(), b="Stopped", internet=EgressLost(NOON, "no answer"))
    assert "Function Compute" in dark(judged(state)).todo


def test_left_is_said_in_words() -> None:
    """None, one, several."""
    assert left_words(()) == "no standby is left: the next failure is an outage"
    assert left_words((hop(B),)) == "i-gwb is the only standby left"
    assert left_words((hop(B), hop(NAT))) == "standbys left: i-gwb, ngw-managed"


def test_a_report_stands_against_what_is_weaker() -> None:
    """Only a look from a private host's place says otherwise."""
    told = EgressLost(NOON, "the probe")
    through = EgressSeen(NOON)
    itself = EgressSeen(NOON, None, EvidenceKind.GATEWAY_ITSELF)
    assert stronger(through, told) is through
    assert stronger(itself, told) is told
    assert stronger(Unseen("busy"), told) is told
    assert stronger(itself, None) is itself


def test_evidence_of_every_kind_has_a_place() -> None:
    """As receipts name it."""
    behind = gateway(proof=EgressSeen(NOON, "198.51.100.9", EvidenceKind.BEHIND_GATEWAY))
    shown = of_hop(world(a=behind), group(), hop(A)).as_json()
    assert (shown["found"], shown["kind"]) == ("seen", "behind the gateway")
    refused = gateway(proof=EgressLost(NOON, "refused", EvidenceKind.BEHIND_GATEWAY))
    assert of_hop(world(a=refused), group(), hop(A)).found == "lost"
    assert of_hop(world(a=gateway(egress=BLIND)), group(), hop(A)).as_json()["reason"] == BLIND.reason
    assert of_hop(world(nat_egress=EgressSeen(NOON)), group(fallback=NAT), hop(NAT)).found == "seen"


# ---- memory ----------------------------------------------------------------------------------------------


def test_episodes_and_kinds_survive_the_way_through_a_description() -> None:
    """New letters, read back as they were written."""
    memory = Memory(
        since=NOON,
        by="auto",
        home=A,
        to=A,
        unproven=frozenset({B}),
        episodes=MappingProxyType({"d": (ago(3), True), "g": (ago(9), False)}),
    ).marked(B, ago(2), EvidenceKind.PRIVATE_HOST)
    assert decode(encode(memory, "i-gwa")) == memory


def test_what_there_is_no_room_for_is_forgotten_in_order() -> None:
    """First which gateways are unproven, then episodes, then marks: the pause never."""
    many = [f"i-{'x' * 20}{n}" for n in range(4)]
    memory = Memory(since=NOON, by="auto", home=A, to=A, paused_until=NOON + timedelta(hours=1))
    for number, name in enumerate(many):
        memory = memory.marked(name, ago(number))
    full = Memory(
        since=memory.since, by="auto", home=A, to=A, paused_until=memory.paused_until, marks=memory.marks,
        unproven=frozenset(many), episodes=MappingProxyType({"d": (ago(3), True)}),
    )  # fmt: skip
    read = decode(encode(full, "x"))
    assert isinstance(read, Memory)
    assert (read.unproven, dict(read.episodes)) == (frozenset(), {})
    assert read.marks
    assert read.paused_until == memory.paused_until


def test_digits_that_do_not_fit_the_marks_say_nothing() -> None:
    """Written by nobody, or by a later version: the usual kind counts."""
    for digits in ("12", "9", ""):
        read = decode(f"natkeeper: x [nk1 x=i-gwb@1773489600{f' k={digits}' if digits else ''}]")
        assert isinstance(read, Memory)
        assert read.kind_of("i-gwb") is EvidenceKind.BEHIND_GATEWAY


def test_rewriting_a_description_keeps_its_sentence() -> None:
    """The reason of the last move stays for people who read the console."""
    text = encode(moved(ago(5)), "i-gwa since noon: i-gwb is Stopping")
    again = rewritten(text, moved(ago(5), episodes={"g": (ago(1), True)}))
    assert again.startswith("natkeeper: i-gwa since noon: i-gwb is Stopping [nk1 ")
    assert rewritten("", Memory()).startswith("natkeeper: what natkeeper remembers [nk1")
