"""The oldest firewalld of the matrix of systems, with iptables: the setup works there as well."""

from __future__ import annotations

import pytest

from natlab.drill.matrix import chosen, matrix

pytestmark = [pytest.mark.lab, pytest.mark.slow]


def test_a_row_of_the_matrix_is_proven() -> None:
    """Apply, prove, reboot, prove, drift, repair, prove; `make lab ARGS=--matrix` plays the other rows."""
    (row,) = matrix(chosen("Debian 11, iptables"), print)
    assert row.result == "proven", row.result
