"""Every refusal this exchange gives, with the code and the words of the real one."""


class Refused(Exception):
    """A request is not carried out; nothing has changed."""

    def __init__(self, code: int, text: str, status: int = 400) -> None:
        super().__init__(f"{code} {text}")
        self.code, self.text, self.status = code, text, status


def missing(name: str) -> Refused:
    """A parameter that must be there is not."""
    told = f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed."
    return Refused(-1102, told)


def illegal(name: str) -> Refused:
    """A parameter has no value that is understood."""
    return Refused(-1130, f"Data sent for parameter '{name}' is not valid.")


def no_symbol() -> Refused:
    """No such symbol here."""
    return Refused(-1121, "Invalid symbol.")


def filtered(name: str) -> Refused:
    """Spot: one of the symbol's filters is not passed."""
    return Refused(-1013, f"Filter failure: {name}")


def unknown_order() -> Refused:
    """A cancel that finds no live order."""
    return Refused(-2011, "Unknown order sent.")


def no_order() -> Refused:
    """A query that finds no order."""
    return Refused(-2013, "Order does not exist.")


def poor() -> Refused:
    """Spot: not enough money or coins."""
    return Refused(-2010, "Account has insufficient balance for requested action.")


def no_margin() -> Refused:
    """Futures: not enough margin."""
    return Refused(-2019, "Margin is insufficient.")


def not_reducing() -> Refused:
    """A reduce-only order would reduce nothing."""
    return Refused(-2022, "ReduceOnly Order is rejected.")


def too_late() -> Refused:
    """A trigger that is reached already."""
    return Refused(-2021, "Order would immediately trigger.")


def closed_symbol() -> Refused:
    """The symbol is not traded now."""
    return Refused(-4140, "Invalid symbol status for opening position.")
