"""What a terminal shows: names for ids, lengths of time, strips of connections with a scale below."""

from __future__ import annotations

from natlab.demo import wording

STOPPED = [[at, not 0 <= at < 2300] for at in range(-500, 4000, 50)]


def test_ids_become_names() -> None:
    """Ids that have no name stay as they are."""
    names = {"i-bp1oe0mwkh6q9r7jily2": "gateway-a"}
    assert wording.named("i-bp1oe0mwkh6q9r7jily2 is Stopping", names) == "gateway-a is Stopping"
    assert wording.named("i-bp1oe0mwkh6q9r7jily2x", names) == "i-bp1oe0mwkh6q9r7jily2x"


def test_a_name_does_not_stand_beside_itself() -> None:
    """Messages name a gateway by its name and its id."""
    names = {"i-bp1oe0mwkh6q9r7jily2": "gateway-a"}
    told = "are told: [INFO] prod: moved to gateway-a (i-bp1oe0mwkh6q9r7jily2)"
    assert wording.named(told, names) == "are told: [INFO] prod: moved to gateway-a"
    assert wording.named("table (10.0.0.0/8)", names) == "table (10.0.0.0/8)"


def test_no_length_of_time_is_a_dash() -> None:
    """None is not zero."""
    assert (wording.seconds(None), wording.seconds(0.0), wording.seconds(1.254)) == ("-", "0.00 s", "1.25 s")
    assert (wording.outage({"outage_s": 0.0}), wording.outage({"outage_s": 2.3})) == ("none", "2.30 s")


def test_a_strip_has_a_sign_for_every_attempt_where_there_is_room() -> None:
    """50 ms each; the scale has its zero below the fault."""
    signs, stretch = wording.strip(STOPPED, before_ms=500, after_ms=3000, width=100)
    assert (signs, stretch) == ("+" * 10 + "-" * 46 + "+" * 15, 50)
    assert wording.scale(len(signs), stretch, 500).index("^0 s") == signs.index("-")


def test_a_strip_that_is_too_long_puts_several_attempts_into_one_sign() -> None:
    """One failure makes the whole stretch a failure: nothing is made to look better."""
    signs, stretch = wording.strip(STOPPED, before_ms=500, after_ms=3000, width=40)
    assert (signs, stretch) == ("+" * 5 + "-" * 23 + "+" * 8, 100)


def test_a_gap_in_the_attempts_goes_on_as_it_was() -> None:
    """An attempt that came late does not look like a success or a failure of its own."""
    signs, _ = wording.strip([[0, True], [50, False], [150, False], [200, True]], before_ms=0, after_ms=1000, width=99)
    assert signs == "+---+"


def test_next_hops_are_named() -> None:
    """One for all tables, or table by table."""
    names = {"vtb-bp1gz3konp4r38pwfiakp": "table", "i-bp1oe0mwkh6q9r7jily2": "gateway-a"}
    assert wording.next_hop({"next_hop": "i-bp1oe0mwkh6q9r7jily2"}, names) == "gateway-a"
    several = {"next_hop": {"vtb-bp1gz3konp4r38pwfiakp": "i-bp1oe0mwkh6q9r7jily2", "vtb-x": "i-y"}}
    assert wording.next_hop(several, names) == "table: gateway-a, vtb-x: i-y"
