"""In which words does the Ecs product refuse?  Codes and statuses are those of its API metadata."""

from __future__ import annotations

from natlab.cloud.kernel.errors import ApiError


def no_such_instance() -> ApiError:
    """No instance has that id."""
    return ApiError("InvalidInstanceId.NotFound", "The specified InstanceId does not exist.", 404)


def wrong_status() -> ApiError:
    """The instance is in another state than the operation needs."""
    return ApiError(
        "IncorrectInstanceStatus", "The current status of the resource does not support this operation.", 403
    )


def used_by_route() -> ApiError:
    """An instance that is a next hop can not be deleted."""
    return ApiError("DependencyViolation.RouteEntry", "The specified instance is the next hop of a route.")


def dry_run_passed() -> ApiError:
    """What DryRun answers when the request would be carried out."""
    return ApiError("DRYRUN.SUCCESS", "All the validations were passed.")


def no_such_interface() -> ApiError:
    """No network interface has that id."""
    return ApiError("InvalidEniId.NotFound", "The specified EniId does not exist.", 404)


def no_such_event() -> ApiError:
    """No system event has that id, or it is over."""
    return ApiError("InvalidEventId.NotFound", "The specified EventId does not exist.", 403)
