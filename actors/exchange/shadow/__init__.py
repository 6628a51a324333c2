"""The shadow: a paper account beside the real one, to see how far apart they are."""

from actors.exchange.shadow.shadowed import Shadowed

__all__ = ["Shadowed"]
