"""Function Compute's refusals, in its own words.

Source: Alibaba Cloud documentation, Function Compute, "Error codes"; names as FC 3.0 writes them.
"""

from __future__ import annotations

from typing import Final

from natlab.cloud.kernel.errors import ApiError

THROTTLED: Final = 429


def invalid(message: str) -> ApiError:
    """A parameter is missing, of the wrong type, or out of range."""
    return ApiError("InvalidArgument", message, 400)


def function_not_found(name: str) -> ApiError:
    """404."""
    return ApiError("FunctionNotFound", f"function '{name}' does not exist", 404)


def function_exists(name: str) -> ApiError:
    """409."""
    return ApiError("FunctionAlreadyExists", f"function '{name}' already exists", 409)


def trigger_not_found(name: str, function: str) -> ApiError:
    """404."""
    return ApiError("TriggerNotFound", f"trigger '{name}' does not exist in function '{function}'", 404)


def limit(message: str) -> ApiError:
    """A quota of the account or of a function is reached."""
    return ApiError("LimitExceededError", message, 400)


def trigger_exists(name: str, function: str) -> ApiError:
    """409."""
    return ApiError("TriggerAlreadyExists", f"trigger '{name}' already exists in function '{function}'", 409)


def service_not_found(name: str) -> ApiError:
    """404, FC 2.0."""
    return ApiError("ServiceNotFound", f"service '{name}' does not exist", 404)


def service_exists(name: str) -> ApiError:
    """409, FC 2.0."""
    return ApiError("ServiceAlreadyExists", f"service '{name}' already exists", 409)


def service_not_empty(name: str) -> ApiError:
    """409, FC 2.0: DeleteService while it has functions."""
    return ApiError("ServiceNotEmpty", f"service '{name}' still has functions", 409)


def async_config_not_found(function: str) -> ApiError:
    """404."""
    return ApiError("AsyncConfigNotExists", f"async config of function '{function}' does not exist", 404)


def concurrency_config_not_found(function: str) -> ApiError:
    """404."""
    return ApiError("ConcurrencyConfigNotExists", f"concurrency config of function '{function}' does not exist", 404)


def scaling_config_not_found(function: str) -> ApiError:
    """404."""
    return ApiError("ScalingConfigNotFound", f"scaling config of function '{function}' does not exist", 404)


def async_task_not_found(task: str) -> ApiError:
    """404."""
    return ApiError("AsyncTaskNotFound", f"async task '{task}' does not exist", 404)


def async_task_exists(task: str) -> ApiError:
    """409: an X-Fc-Async-Task-Id was used before, so the request is the same one again."""
    return ApiError("StatefulAsyncTaskAlreadyExists", f"async task '{task}' already exists", 409)


def path_not_supported(method: str, path: str) -> ApiError:
    """400: no operation has this method and path."""
    return ApiError("PathNotSupported", f"'{method}' against '{path}' is not supported", 400)


def payload_too_large(limit: int) -> ApiError:
    """400; `limit` in bytes."""
    return ApiError("EntityTooLarge", f"payload size exceeds maximum allowed size ({limit} bytes)", 400)


def throttled(message: str) -> ApiError:
    """429: a limit on concurrent instances is reached; asynchronous requests are tried again."""
    return ApiError("ResourceThrottled", message, THROTTLED)


def access_denied(message: str) -> ApiError:
    """403."""
    return ApiError("AccessDenied", message, 403)
