"""How this SageMaker refuses: one exception that carries the service's own error code."""


class ServiceError(Exception):
    """A request that the service refuses; `code` is spelled as AWS spells it."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status


def invalid(message: str) -> ServiceError:
    """The service's usual answer to a request it cannot take."""
    return ServiceError("ValidationException", message)


def not_found(message: str) -> ServiceError:
    """What pipelines and their executions answer for a name that nobody has."""
    return ServiceError("ResourceNotFound", message)


def conflict(message: str) -> ServiceError:
    """The resource exists, but not in a state that allows the call."""
    return ServiceError("ConflictException", message)
