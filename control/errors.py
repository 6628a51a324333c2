"""Every error of the control plane.

ControlError
+-- UnsafeBind          a public address without TLS, and nobody said it is meant
+-- CannotServe         the port is taken, or the certificate cannot be used
+-- Refused             a request is answered with a status of the contract
+-- Closed              this side ends a WebSocket with a close code
+-- ClientError         the client library could not do what it was asked
    +-- Unreachable         no engine answers at that address
    +-- SignInRefused       the engine does not know the token, or its role is too low
    +-- AnswerUnknown       the connection broke before the answer came

The message of each gives the thing, the value, the limit and the remedy. A secret
that is missing, empty or too short is `config.errors.SecretError`.
"""


class ControlError(Exception):
    """The root: the control plane cannot do what it was asked."""


class UnsafeBind(ControlError, ValueError):
    """The address can be reached from outside and the talk would be in clear."""


class CannotServe(ControlError):
    """The server cannot start; names the address or the certificate."""


class Refused(ControlError):
    """A request is refused with `status`; `retry_seconds` becomes Retry-After."""

    def __init__(
        self, status: int, message: str, retry_seconds: int | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.retry_seconds = retry_seconds


class Closed(ControlError):
    """This side ends a WebSocket with a close code of the contract."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class ClientError(ControlError):
    """The client library could not do what it was asked."""


class Unreachable(ClientError):
    """No engine answers at that address."""


class SignInRefused(ClientError):
    """The engine does not know the token, or its role is too low."""


class AnswerUnknown(ClientError):
    """The connection broke before the answer came: the command may have acted."""
