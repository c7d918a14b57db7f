"""What the lab says where it cannot be, and the parts of it that need no root."""

from __future__ import annotations

import os
import shutil
import socket
import struct
import sys
from pathlib import Path

import pytest
from pytest_mock import MockerFixture

from natlab.cloud.fc.runtime import tunnel
from natlab.real import preflight as module
from natlab.real import servers
from natlab.real.commands import CommandFailed
from natlab.real.dataplane import LabDataPlane
from natlab.real.measurement import ConnectionAttempt, HostMeasurement


def test_without_root_one_sentence_says_so(mocker: MockerFixture) -> None:
    """An ordinary user is told what is missing and what to type."""
    mocker.patch.object(os, "geteuid", return_value=1000)
    assert any("needs root" in sentence and "sudo" in sentence for sentence in module.preflight())


def test_lab_offers_the_simulated_network_instead(mocker: MockerFixture) -> None:
    """Who starts the lab where it cannot be gets the sentence as an error, and another way."""
    mocker.patch.object(os, "geteuid", return_value=1000)
    with pytest.raises(module.NoLab, match=r"needs root.*simulated network.*make demo"):
        LabDataPlane()


def test_missing_packages_are_named(mocker: MockerFixture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Programs that are not there lead to one sentence with the command that installs them."""
    mocker.patch.object(os, "geteuid", return_value=0)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("NATLAB_CACHE", str(tmp_path))
    (sentence,) = module.preflight()
    assert sentence.startswith("Packages are missing: apt-get install debootstrap ")
    assert "nftables" in sentence
    assert "systemd-container" in sentence


def test_kernel_that_cannot_is_named(mocker: MockerFixture) -> None:
    """Each thing that the kernel refuses is a sentence of its own."""
    mocker.patch.object(os, "geteuid", return_value=0)
    mocker.patch.object(shutil, "which", return_value="/bin/true")
    mocker.patch.object(module, "run", side_effect=CommandFailed("Operation not permitted"))
    sentences = module.preflight()
    assert any("network namespaces" in sentence for sentence in sentences)
    assert any("overlay" in sentence for sentence in sentences)


def test_other_systems_are_told_what_the_lab_needs(mocker: MockerFixture) -> None:
    """Not Linux: one sentence."""
    mocker.patch.object(sys, "platform", "darwin")
    assert module.preflight() == ["The lab needs Linux: its machines are containers and network namespaces."]


@pytest.mark.parametrize("name", ["www.internet.test", "Mirror.internet.test", "a.b.internet.test"])
def test_resolver_agrees_with_function_instances(name: str) -> None:
    """Gateways and functions find the same server behind a name."""
    question = b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"
    answer = servers.dns_answer(struct.pack("!HHHHHH", 7, 0x100, 1, 0, 0, 0) + question + struct.pack("!HH", 1, 1))
    assert struct.unpack_from("!HHHH", answer) == (7, 0x8180, 1, 1)
    assert socket.inet_ntoa(answer[-4:]) == tunnel.address_of(name)


@pytest.mark.parametrize("query", [b"", b"\0\1", b"\0" * 12, b"\0" * 12 + b"\x3fabc"])
def test_resolver_ignores_what_is_no_question(query: bytes) -> None:
    """Damaged datagrams get no answer and break nothing."""
    assert servers.dns_answer(query) == b""


def test_outage_is_the_longest_time_without_a_new_connection() -> None:
    """Counted from success to success, by when they succeeded; a lost attempt is counted apart."""
    account = HostMeasurement([
        ConnectionAttempt(0.0, 0.01, "", "198.51.100.1"),
        ConnectionAttempt(0.05, 2.55, "TimeoutError", ""),
        ConnectionAttempt(0.10, 1.11, "", "198.51.100.2"),
        ConnectionAttempt(1.15, 1.16, "", "198.51.100.2"),
        ConnectionAttempt(2.60, 2.61, "", "198.51.100.2"),
    ])  # fmt: skip
    assert account.outage_s == pytest.approx(1.45)
    assert account.lost_connections == 1
    assert account.seen == ["198.51.100.1", "198.51.100.2"]


def test_outage_that_does_not_end_counts_to_the_end() -> None:
    """A measurement that ends in silence is not a measurement without an outage."""
    account = HostMeasurement(
        [ConnectionAttempt(0.0, 0.1, "", "198.51.100.1"), ConnectionAttempt(0.5, 3.0, "TimeoutError", "")]
    )
    assert account.outage_s == pytest.approx(2.9)
