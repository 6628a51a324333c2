"""Every error of the control plane.

ControlError
+-- UnsafeBind          a public address without TLS, and nobody said it is meant
+-- CannotServe         the port is taken, or the certificate cannot be used

The message of each gives the thing, the value, the limit and the remedy.
"""


class ControlError(Exception):
    """The root: the control plane cannot do what it was asked."""


class UnsafeBind(ControlError, ValueError):
    """The address can be reached from outside and the talk would be in clear."""


class CannotServe(ControlError):
    """The server cannot start; names the address or the certificate."""
