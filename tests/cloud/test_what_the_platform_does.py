"""What the real platform refuses, limits, delays or answers differently from what one would think: each has its test.

Where documents leave open which way the platform is, the test plays each way (natkeeper's readings.yaml has them).
"""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
STRICT, STATES = "tests/cloud/test_strictness.py", "tests/cloud/test_states.py"
CODES, PARAMETERS = "tests/applying/test_codes.py", "tests/cloud/test_parameters.py"
SDK, FC = "tests/cloud/test_fc_sdk.py", "tests/cloud/test_fc_readings.py"
TABLE = (
    # what the platform does, the file of the test, the test
    # ---- what a refusal names
    ("a code is held against what it names", CODES, "test_what_a_code_names"),
    ("every code of every operation in use is known", CODES,
     "test_every_code_of_every_operation_that_natkeeper_calls_has_a_row"),
    ("only an entry that is not found counts as deleted", "tests/applying/test_routes.py",
     "test_only_an_entry_that_is_not_found_is_a_deleted_one"),
    # ---- every operation
    ("what is required is asked for", PARAMETERS, "test_what_an_operation_requires_is_asked_for"),
    ("what has another type, or is out of range, is refused", PARAMETERS, "test_what_is_of_another_type_is_refused"),
    ("pages and lists end where the metadata says", PARAMETERS, "test_a_list_is_as_long_as_the_metadata_says"),
    ("what is not known is refused, not ignored", PARAMETERS, "test_no_operation_takes_what_it_does_not_know"),
    ("RAM is asked about every operation", PARAMETERS, "test_no_operation_goes_on_without_permission"),
    ("what changes something is audited", PARAMETERS, "test_what_changes_something_is_a_write"),
    ("a filter filters", "tests/cloud/test_filters.py", "test_no_read_takes_a_parameter_and_goes_on_without_it"),
    ("a refusal has the product's code and status", "tests/cloud/test_refusals.py",
     "test_each_refusal_has_its_code_and_status"),
    ("a signature in a header is verified", "tests/cloud/test_header_signatures.py",
     "test_a_spoilt_signature_is_refused"),
    ("answers and events are whole", "tests/cloud/test_whole_answers.py", "test_whole_answers_are_what_they_were"),
    # ---- states
    ("a NAT Gateway is Creating, Modifying, Deleting, Converting, or locked", STATES,
     "test_a_managed_gateway_has_states"),
    ("a NAT Gateway that is changed may carry nothing", STATES,
     "test_a_managed_gateway_that_is_changed_may_carry_nothing"),
    ("changed is unknown, and locked is no fallback", "tests/deciding/test_corners.py",
     "test_a_nat_gateway_that_is_changed_is_unknown_and_one_that_is_locked_is_not_used"),
    ("HealthStatus may follow the state", STATES, "test_the_health_of_an_instance_may_follow_its_state"),
    ("HealthStatus has more words than Ok and Impaired", STATES,
     "test_what_is_found_of_an_instance_is_shown_and_filtered_by"),
    ("HealthStatus Warning and Initializing are told", "tests/receipts/test_receipts.py",
     "test_what_ecs_remarks_about_a_healthy_gateway_is_told"),
    ("ended invocations may not be listed", STRICT, "test_a_list_of_invocations_may_hold_only_running_ones"),
    # ---- route tables
    ("a table takes 200 entries", STRICT, "test_a_table_takes_two_hundred_custom_entries"),
    ("destinations in a vSwitch or 100.100.0.0/16 are refused", STRICT, "test_a_destination_that_cannot_be_is_refused"),
    ("an address alone is a /32", STRICT, "test_an_address_alone_is_a_network_of_one"),
    ("a stopped instance may be no next hop", STRICT, "test_a_stopped_instance_may_be_refused_as_a_next_hop"),
    ("the entry of a stopped instance may change", STRICT,
     "test_an_entry_to_a_stopped_instance_is_shown_in_one_of_three_ways"),
    ("a ClientToken is ASCII", STRICT, "test_a_client_token_is_ascii_and_at_most_64_long"),
    ("a ClientToken belongs to one request, or to whatever came first", STRICT, "test_a_token_belongs_to_one_request"),
    ("a description is a task, too", STRICT, "test_a_description_waits_for_the_vpc_s_task_like_any_write"),
    ("a new NAT Gateway may add 0.0.0.0/0", STRICT, "test_a_new_managed_gateway_may_add_the_default_route"),
    ("creates and deletes may need five seconds between them", STRICT,
     "test_creates_and_deletes_may_need_a_pause_between_them"),
    ("so twelve tables take longer than a run", "tests/controlling/test_handing_on.py",
     "test_twelve_missing_entries_come_back_though_the_platform_wants_a_pause_between_creations"),
    # ---- rates and sizes
    ("300 route writes a minute", STRICT, "test_three_hundred_route_writes_a_minute_are_all_there_are"),
    ("two look-ups of events a second", STRICT, "test_events_are_looked_up_twice_a_second"),
    ("lists have their sizes, and filters their states", STRICT, "test_a_request_for_too_much_is_refused"),
    ("200 destinations in a filter", STRICT, "test_a_list_of_destinations_has_two_hundred_at_most"),
    ("system entries have no name", STRICT, "test_system_entries_have_no_name_to_filter_by"),
    # ---- Function Compute and EventBridge
    ("an account has 100 or 300 instances, 90 % to reserve", FC, "test_an_account_has_so_many_instances"),
    ("Function Compute's ranges end where they should", "tests/cloud/test_fc_limits.py",
     "test_a_function_s_ranges_end_where_they_should"),
    ("cpu goes in steps of 0.05, 1:1 to 1:4; disks are 512 or 10240 MB", SDK, "test_a_wrong_function_is_refused"),
    ("a role, network, security group or destination may have to exist", FC,
     "test_a_function_may_have_to_name_what_there_is"),
    ("a function takes 50 triggers", SDK, "test_a_function_takes_fifty_triggers"),
    ("the bus takes 10 or 50 rules", FC, "test_the_bus_takes_so_many_rules"),
    ("five expressions in a field", FC, "test_a_field_of_a_pattern_takes_so_many_expressions"),
    # ---- events
    ("a simulated failure is Executing at once", STATES, "test_a_simulated_failure_is_not_announced"),
    ("a reboot avoids a simulated maintenance", "tests/cloud/test_ecs_incidents.py",
     "test_a_reboot_avoids_a_simulated_maintenance"),
    ("an ActionTrail event may carry no parameters", FC, "test_an_audit_event_may_leave_out_the_call_s_parameters"),
    ("an ActionTrail event may have the type of ActionTrail", FC, "test_an_audit_event_may_be_of_actiontrail"),
)  # fmt: skip


@cache
def names_in(file: str) -> frozenset[str]:
    """Name the tests of a file."""
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef))


@pytest.mark.parametrize("what, file, name", TABLE, ids=[row[0] for row in TABLE])
def test_each_has_its_test(what: str, file: str, name: str) -> None:
    """A test that was renamed or removed would leave a line of the table without one."""
    assert name in names_in(file), what
