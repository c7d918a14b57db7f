"""What the simulation has found, cut down and kept: each of these stories once broke a rule."""

from __future__ import annotations

import pytest

from tests.simulation.simulation import play
from tests.simulation.story import Happening, Noise, Story

FOUND = {
    "a return home was tried a fourth time in one run": Story(
        76,
        "returns home",
        29.4,
        (
            Happening(1305, "fails", ("i-alpha",)),
            Happening(1705, "is refused", ("route", "IncorrectStatus.Vswitch", None, "vtb-one", 400.0)),
        ),
        retries=0,
    ),
    "a report was believed against the gateway that a move without words had just led to": Story(
        40711,
        "two tables",
        10.2,
        (
            Happening(100.64, "is refused", ("words", "InvalidDescription.Malformed", None, None, 4000.0)),
            Happening(549.22, "stops", ("i-alpha", False)),
        ),
        runs=3,
        retries=0,
    ),
    "a look from before the route left and came back counted as verification": Story(
        1143,
        "over halves",
        4,
        (
            Happening(128, "loses its rules", ("i-alpha",)),
            Happening(182, "loses its rules", ("i-charlie",)),
            Happening(182, "is maintained", ("i-bravo", 120.0)),
        ),
        retries=0,
    ),
    "while reads were stale, a pause was written again and again": Story(
        2303,
        "three gateways",
        10.6,
        (Happening(574.01, "api stale", (10.0,)), Happening(575.01, "pause", ("prod", "1m"))),
        retries=0,
    ),
    "while reads were stale, a mark was written again and again": Story(
        3425, "one gateway", 3, (Happening(120, "fails", ("i-alpha",)), Happening(122, "api stale", (10.0,))), retries=0
    ),
    "a report about a missing EIP was believed once the EIP was back": Story(
        3645,
        "follow",
        4.4,
        (
            Happening(113, "is reclaimed", ("i-charlie",)),
            Happening(118, "loses its rules", ("i-alpha",)),
            Happening(206, "EIP is taken off", ("eip-walks",)),
        ),
        retries=0,
    ),
    "a look that failed because someone deleted the route spoke against the gateway": Story(
        1795421680,
        "two groups",
        2.3,
        (
            Happening(65.21, "stops", ("i-xray", True)),
            Happening(72.83, "is reclaimed", ("i-alpha",)),
            Happening(75.37, "route deleted", ("vtb-one",)),
        ),
        runs=2,
        retries=0,
    ),
    "a half that was missing again was created with a token that had been used, so never": Story(
        12827,
        "fallback over halves",
        6.2,
        (Happening(54.72, "stops", ("i-alpha", False)), Happening(71.55, "route re-pointed", ("vtb-one", "i-alpha"))),
        retries=0,
    ),
    "a gateway that was mended was not tried for an hour, while the route led nowhere": Story(
        15581,
        "two groups",
        36.0,
        (
            Happening(68, "hangs", ("i-bravo",)),
            Happening(471, "loses its rules", ("i-alpha",)),
            Happening(584, "gets its rules back", ("i-alpha",)),
        ),
        retries=0,
    ),
    "halves to a gateway that was deleted meanwhile were worked on without end": Story(
        31023,
        "over halves",
        27.1,
        (
            Happening(1384, "stops", ("i-alpha", False)),
            Happening(1384, "stops", ("i-charlie", False)),
            Happening(1387, "is deleted", ("i-bravo",)),
        ),
        retries=0,
    ),
    "a report of ten seconds ago was believed although the EIP had come back": Story(
        1015777,
        "follow",
        4.9,
        (
            Happening(181.52, "is reclaimed", ("i-bravo",)),
            Happening(233.27, "EIP is taken off", ("eip-walks",)),
            Happening(233.27, "fails", ("i-charlie",)),
        ),
        retries=0,
    ),
    "a move counted as verified by a look at the gateway that it left": Story(
        1004800,
        "zones",
        10,
        (
            Happening(123, "stops", ("i-alpha", True)),
            Happening(129, "starts", ("i-alpha", True)),
            Happening(540, "is reclaimed", ("i-alpha",)),
            Happening(542.19, "pause", ("prod", "1m")),
        ),
        noise=Noise(slow=0.1),
        runs=3,
        retries=0,
    ),
    "a look on the gateway and a look through it took turns in saying what the entry remembers": Story(
        5002140,
        "zones",
        2.4,
        (
            Happening(83, "stops", ("i-bravo", True)),
            Happening(85, "loses its rules", ("i-alpha",)),
        ),
        runs=3,
        retries=0,
    ),
    "a look at a gateway that another run had just moved to was given up at once, and it was blamed": Story(
        8093041,
        "three gateways",
        7,
        (
            Happening(35.9, "throttled", ()),
            Happening(35.9, "stops", ("i-alpha", True)),
            Happening(51.03, "is reclaimed", ("i-charlie",)),
            Happening(53.88, "api fails", ("ecs", "throttled", 144.68)),
            Happening(89.26, "starts", ("i-alpha", True)),
            Happening(119.89, "loses its rules", ("i-alpha",)),
        ),
        noise=Noise(lost=0.5, twice=0.5, late_s=1.0, fails=0.05, slow=0.1),
        runs=2,
        retries=0,
    ),
    "a pause during a bridge was written again and again, into one entry of two": Story(
        10056217,
        "over halves",
        3.7,
        (
            Happening(124, "killed", (10, False)),
            Happening(133, "switch", ("prod", None, True)),
            Happening(161, "pause", ("prod", "5m")),
        ),
        retries=0,
    ),
    "a gateway that drained, with nothing better there, never got its lost EIP back": Story(
        5007376,
        "follow, set up",
        22,
        (
            Happening(440.03, "hangs", ("i-alpha",)),
            Happening(1019.55, "EIP is taken off", ("eip-walks",)),
            Happening(1019.55, "is maintained", ("i-bravo", 900.0)),
        ),
        retries=0,
    ),
    "nobody was told that a probe lost the internet behind an entry that was stuck": Story(
        92000660,
        "checked",
        5.4,
        (Happening(146, "entry is stuck", ("vtb-one", 4000.0)), Happening(146, "loses its rules", ("i-alpha",))),
        retries=0,
    ),
    "slow answers after a look by Cloud Assistant made a run without a write last 15.2 s": Story(
        76000340,
        "zones",
        23.1,
        (
            Happening(904.02, "hangs", ("i-bravo",)),
            Happening(906.42, "pause", ("prod", "1m")),
            Happening(907.37, "resume", ("prod",)),
            Happening(925.46, "route re-pointed", ("vtb-two", "i-alpha")),
            Happening(1325.46, "fails", ("i-alpha",)),
        ),
        noise=Noise(twice=0.5, late_s=20.0, slow=0.1),
        retries=0,
    ),
    "a setup that could not be started while the API was away was held against its gateway": Story(
        96000266, "set up", 13.8, (Happening(525.9, "api fails", ("ecs", "lost out", 179.29)),), retries=0
    ),
    "a check by Cloud Assistant began after a probe had taken all the time there was": Story(
        97000009,
        "set up",
        3.7,
        (
            Happening(152, "answers trickle", ("looks", 1000.0)),
            Happening(155, "api slow", ("all", 2.0, 60)),
            Happening(162.67, "hangs", ("i-alpha",)),
            Happening(163, "forged event", (0, "i-alpha", "vtb-one")),
        ),
        retries=0,
    ),
    "a chain of runs that wait for a stuck entry told nobody that its table was dark": Story(
        97000061,
        "two groups",
        6.8,
        (Happening(96.66, "entry is stuck", ("vtb-three", 4000.0)), Happening(106.51, "stops", ("i-xray", True))),
        retries=0,
    ),
    "an idle run read the world once more after its last write was throttled": Story(
        96000622,
        "fallback",
        20.8,
        (
            Happening(113.06, "no timer"),
            Happening(159.23, "forged event", (8, "i-alpha", "vtb-one")),
            Happening(162.2, "clock steps", (45.0,)),
            Happening(162.2, "api stale", (1.0,)),
            Happening(562.2, "stops", ("i-bravo", True)),
            Happening(562.2, "resume", ("prod",)),
            Happening(562.7, "hangs", ("i-alpha",)),
            Happening(563.64, "api fails", ("vpc writes", "throttled", 66.97)),
            Happening(565.86, "tasks take", (2.0, 20.0)),
            Happening(616.94, "starts", ("i-bravo", True)),
        ),
        noise=Noise(lost=0.0, twice=0.1, late_s=120.0, fails=0.05, slow=0.1),
        runs=1,
        retries=0,
    ),
    "after a slow look at the VPC's tables a note was written into an entry that was read 8.5 s before": Story(
        96000420,
        "fallback",
        30.3,
        (
            Happening(37.69, "api slow", ("ecs", 0.5, 60)),
            Happening(80.26, "is refused", ("route", "OperationFailed.EcsMigrating", "ngw-last", None, 400.0)),
            Happening(507.98, "half added", ("vtb-one",)),
            Happening(545.79, "half removed", ("vtb-one",)),
            Happening(590.75, "hangs", ("i-alpha",)),
            Happening(615.18, "wakes", ("i-alpha",)),
        ),
        noise=Noise(lost=0.5, twice=0.1, late_s=1.0, fails=0.01, slow=0.1),
    ),
    "two lists lacked a gateway that its conditions, which were late, would have shown": Story(
        97001613,
        "two tables",
        11.2,
        (
            Happening(61.86, "killed", (9, False)),
            Happening(127.98, "stops", ("i-alpha", True)),
            Happening(128.17, "is reclaimed", ("i-bravo",)),
            Happening(128.17, "list has holes", ("i-alpha", 90.0)),
            Happening(128.47, "starts", ("i-alpha", True)),
        ),
        noise=Noise(fails=0.15),
        runs=2,
    ),
    "an EIP that no gateway may have was tried by moving the route off a fallback that worked": Story(
        95000008,
        "follow, set up",
        26.7,
        (
            Happening(61, "is refused", ("give", "EIP_CAN_NOT_ASSOCIATE_WITH_PUBLIC_IP", None, None, 4000.0)),
            Happening(872, "loses its rules", ("i-alpha",)),
        ),
        retries=0,
    ),
    "a setup's report from the future, by natkeeper's clock, was noted again and again": Story(
        97010536,
        "set up",
        6,
        (Happening(60, "loses its address", ("i-alpha",)), Happening(169, "clock steps", (-3600.0,))),
        runs=2,
        retries=0,
    ),
    "what a probe reported behind a stuck entry was lost where each run handed on, and nobody was told": Story(
        97101856,
        "two groups",
        8,
        (Happening(113, "entry is stuck", ("vtb-one", 4000.0)), Happening(153, "hangs", ("i-alpha",))),
        retries=0,
    ),
    "a cold standby was started because another task had the VPC, with a gateway that works": Story(
        97230185,
        "cold, fallback",
        4.2,
        (Happening(191.12, "api busy", (6.0,)), Happening(191.12, "route deleted", ("vtb-one",))),
        retries=0,
    ),
    "the beginning of what lasts lay in the future, by a clock that was set back, and was noted every minute": Story(
        97231232,
        "cold, fallback",
        11.2,
        (
            Happening(59, "killed", (12, True)),
            Happening(59, "stops", ("i-alpha", True)),
            Happening(222, "clock steps", (-3600.0,)),
        ),
        retries=0,
    ),
    "an entry led to the interface of a gateway that was deleted before natkeeper had ever written it": Story(
        97240257, "interfaces", 8.4, (Happening(202.2, "is deleted", ("i-alpha",)),), runs=2, retries=0
    ),
    "two deployments wrote in turns when a trouble began": Story(
        97400396, "two deployments", 8.8, (Happening(85, "loses its rules", ("i-alpha",)),), retries=0
    ),
    "a deployment without a probe forgot in the entry what the other one, with a probe, had seen": Story(
        97421910,
        "two deployments",
        10.3,
        (Happening(88, "probe is broken", (60.0,)), Happening(103, "loses its rules", ("i-bravo",))),
        retries=0,
    ),
    "without words no round was remembered, and the route went to and fro": Story(
        140002741,
        "fallback",
        20.1,
        (
            Happening(566, "is refused", ("words", "InvalidDescription.Malformed", None, None, 4000.0)),
            Happening(966.28, "probe is broken", (9000.0,)),
        ),
        retries=0,
    ),
    "a cold standby was started for a mark that was made while the internet itself was away": Story(
        140001102,
        "cold, fallback",
        4.4,
        (Happening(95.33, "internet down"), Happening(202.45, "internet up")),
        noise=Noise(fails=0.15),
        retries=0,
    ),
    "a run that was over read once more, and lasted 15.3 s": Story(
        140002341,
        "interfaces over halves",
        2.7,
        (Happening(101.17, "api slow", ("all", 2.0, 60)), Happening(101.74, "is reclaimed", ("i-alpha",))),
        retries=0,
    ),
    "a gateway that had started since a round was tried, and all the others after it": Story(
        97310147,
        "three gateways",
        63,
        (
            Happening(101.74, "stops", ("i-alpha", False)),
            Happening(101.74, "probe is broken", (9000.0,)),
            Happening(102.04, "starts", ("i-alpha", True)),
        ),
        noise=Noise(late_s=120),
        retries=0,
    ),
    "a deleted entry was created at home, and the EIP of the standby that carried it followed after 21 s": Story(
        160010330,
        "follow, set up",
        12.6,
        (Happening(106.04, "switch", ("prod", None, False)), Happening(694.38, "route deleted", ("vtb-one",))),
        retries=0,
    ),
    "two deployments that differed about a gateway undid each other's marks, and told of it each minute": Story(
        180002732,
        "two deployments",
        12.7,
        (
            Happening(61, "loses its address", ("i-bravo",)),
            Happening(61, "is maintained", ("i-alpha", 900.0)),
            Happening(226, "internet down"),
            Happening(301, "internet up"),
        ),
        retries=0,
    ),
    "a refused gateway was tried over halves as well, until no time was left for the fallback": Story(
        230008755,
        "fallback over halves",
        7.6,
        (
            Happening(62.02, "is refused", ("route", "SomethingNew", "i-bravo", None, 400.0)),
            Happening(155.77, "pause", ("prod", "1m")),
            Happening(155.77, "hangs", ("i-alpha",)),
        ),
        retries=0,
    ),
}


@pytest.mark.parametrize("what", FOUND)
def test_what_was_found_stays_mended(what: str) -> None:
    """The story that showed it holds every rule now."""
    assert play(FOUND[what]).broken is None
