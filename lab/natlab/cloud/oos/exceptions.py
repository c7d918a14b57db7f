"""How does OOS refuse?

Its metadata lists no error codes.  `EntityNotExists.Template` is what the Terraform provider tests for
(resource_alicloud_oos_template.go); codes of the same form are taken for executions and for what exists
already, and the gateway's `InvalidParameter` for content that OOS does not accept.  User.NoPermission is in
every table of codes of the OOS API reference, for instance that of CancelExecution.
"""

from __future__ import annotations

from natlab.cloud.kernel.errors import ApiError


def invalid(name: str, why: str) -> ApiError:
    """A parameter whose value is not accepted."""
    return ApiError("InvalidParameter", f"The specified parameter {name} is not valid: {why}")


def no_such_template(name: str) -> ApiError:
    """GetTemplate and others, for a name that is not there."""
    return ApiError("EntityNotExists.Template", f"The specified template {name} does not exist.", 404)


def template_exists(name: str) -> ApiError:
    """CreateTemplate, for a name that is taken."""
    return ApiError("EntityAlreadyExists.Template", f"The specified template {name} already exists.", 409)


def no_such_execution(execution_id: str) -> ApiError:
    """CancelExecution and others, for an id that is not there."""
    return ApiError("EntityNotExists.Execution", f"The specified execution {execution_id} does not exist.", 404)
