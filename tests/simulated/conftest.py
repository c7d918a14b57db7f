"""Machines for tests: fresh from an image, or set up once by the real script and copied."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from natkeeper.guest import Mode, PortForward, SetupParameters, SetupReport, parse_report, render
from natkeeper.guest.script import library_command, parameter_block, setup_script
from natlab.simulated.flavours import FLAVOURS, Flavour
from natlab.simulated.guest import Guest

PRIVATE_HOST = "10.0.3.4"
STRANGER = "192.168.0.9"
ORDER = SetupParameters(
    mode=Mode.APPLY,
    sources=("10.0.0.0/8",),
    port_forwards=(PortForward("tcp", 8080, "10.0.1.5", 80),),
    targets=("http://www.internet.test/",),
)
CHECK = replace(ORDER, mode=Mode.CHECK)
MakeGuest = Callable[..., Guest]


def setup(guest: Guest, order: SetupParameters = ORDER, *, uncut: bool = False) -> tuple[int, SetupReport]:
    """Run the real script on a machine; its exit status and its report. `uncut`: however long that is."""
    guest.run(library_command().encode(), 60)
    whole = setup_script().replace("-ge 2600", "-ge 260000")
    assert whole != setup_script()
    command = f"NK_PARAMETERS='{parameter_block(order)}'\n{whole}".encode() if uncut else render(order)
    result = guest.run(command, 240)
    assert result is not None
    report = parse_report(result.output)
    assert isinstance(report, SetupReport), (report, result.output)
    return result.exit_code, report


def codes(report: SetupReport) -> set[str]:
    """What is still wrong, by code."""
    return {problem.code for problem in report.wrong}


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[MakeGuest]:
    """Machines as their image leaves them, with a public address."""
    guests: list[Guest] = []

    def make(flavour: str | Flavour = "debian12", shell: str = "/bin/sh") -> Guest:
        image = FLAVOURS[flavour] if isinstance(flavour, str) else flavour
        guest = Guest(tmp_path / f"guest{len(guests)}", image, "10.0.0.11", shell)
        guest.tell_world("198.51.100.7", reaches_internet=True)
        guests.append(guest)
        return guest

    yield make
    for guest in guests:
        guest.destroy()


@pytest.fixture(scope="session")
def pattern(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Guest]]:
    """One machine of each image that the real script made ready, each made once."""
    made: dict[str, Guest] = {}

    def make(flavour: str) -> Guest:
        if flavour not in made:
            guest = Guest(tmp_path_factory.mktemp("pattern") / flavour, FLAVOURS[flavour], "10.0.0.11")
            guest.tell_world("198.51.100.7", reaches_internet=True)
            assert setup(guest)[0] == 0
            made[flavour] = guest
        return made[flavour]

    yield make
    for guest in made.values():
        guest.destroy()


@pytest.fixture
def ready(fresh: MakeGuest, pattern: Callable[[str], Guest]) -> MakeGuest:
    """Machines that the real script has made gateways of."""

    def make(flavour: str = "debian12") -> Guest:
        guest, like = fresh(flavour), pattern(flavour)
        with guest.by_hand() as state:
            state.clear()
            state.update(like.state)
        shutil.copytree(like.directory / "root", guest.directory / "root", dirs_exist_ok=True)
        for program in (like.directory / "bin").iterdir():
            if program.is_symlink() and not (guest.directory / "bin" / program.name).is_symlink():
                (guest.directory / "bin" / program.name).symlink_to(program.readlink())
        return guest

    return make
