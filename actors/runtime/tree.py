"""The tree of actors as a picture: who lives, who failed, who is behind."""

from collections.abc import Iterator
from typing import Literal

import msgspec

from actors.runtime.ref import ChildState

#: An actor's own counters, by name.
Counters = dict[str, int | float | str]


class TreeNode(msgspec.Struct, frozen=True):
    """One actor or group at one moment; a group's numbers are sums over it.

    `counters` are the actor's own, as its `statistics` gives them.
    """

    name: str
    kind: Literal["actor", "supervisor"]
    state: ChildState
    restarts: int
    last_error: str | None
    depth: int
    messages: int
    age_seconds: float
    counters: Counters = {}
    capacity: int = 0  # of an actor's mailbox
    children: "tuple[TreeNode, ...]" = ()


def format_tree(node: TreeNode) -> str:
    """Draw the tree, one line per node, children indented below their group."""
    return "\n".join(_lines(node, 0))


def actors_of(node: TreeNode) -> Iterator[TreeNode]:
    """Walk all actors below a node, in start order."""
    if node.kind == "actor":
        yield node
    for child in node.children:
        yield from actors_of(child)


def deepest(node: TreeNode, count: int) -> tuple[TreeNode, ...]:
    """Return the actors with the longest queues: where an overload is felt first."""
    ranked = sorted(actors_of(node), key=lambda actor: actor.depth, reverse=True)
    return tuple(ranked[:count])


def _lines(node: TreeNode, level: int) -> Iterator[str]:
    """Write one node and all below it."""
    counters = "".join(f" {name}={value}" for name, value in node.counters.items())
    error = f" last_error={node.last_error!r}" if node.last_error else ""
    yield (
        f"{'  ' * level}{node.name} [{node.kind} {node.state.value}]"
        f" restarts={node.restarts} queued={node.depth} messages={node.messages}"
        f" age={node.age_seconds:.1f}s{counters}{error}"
    )
    for child in node.children:
        yield from _lines(child, level + 1)
