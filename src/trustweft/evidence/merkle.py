"""Merkle tree hashing and proofs (RFC 6962 section 2.1; verification as RFC 9162 section 2.1).

Nodes are named by level and number: node (0, i) is leaf i, node (l, i) covers the leaves from i * 2**l, 2**l of them.
Only complete nodes are ever asked for, and these never change: roots and proofs cost as many look-ups as the tree
is high, squared at most.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Final

__all__ = [
    "EMPTY_ROOT",
    "HASH_LENGTH",
    "Frontier",
    "NodeReader",
    "ProofError",
    "consistency_proof",
    "hash_children",
    "hash_leaf",
    "inclusion_proof",
    "root_of",
    "verify_consistency",
    "verify_inclusion",
]

HASH_LENGTH: Final = 32
EMPTY_ROOT: Final = sha256(b"").digest()
_LEAF: Final = b"\x00"
_NODE: Final = b"\x01"

NodeReader = Callable[[int, int], bytes]


class ProofError(ValueError):
    """A proof does not show what it should; the message says why."""


def hash_leaf(content: bytes) -> bytes:
    """Return the hash of a leaf with this content."""
    return sha256(_LEAF + content).digest()


def hash_children(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node."""
    return sha256(_NODE + left + right).digest()


class Frontier:
    """The complete subtrees at the right edge of a growing tree: all that is needed to append and to tell the root."""

    def __init__(self, size: int = 0, node: NodeReader | None = None) -> None:
        self.size = size
        self._subtrees: list[bytes] = []
        if size and node is not None:
            self._subtrees = [node(level, start >> level) for start, level in _complete(0, size)]

    def append(self, leaf: bytes) -> list[tuple[int, int, bytes]]:
        """Add a leaf's hash; return the nodes that are complete now: level, number, hash."""
        nodes = [(0, self.size, leaf)]
        level, number, current = 0, self.size, leaf
        while number & 1:
            current = hash_children(self._subtrees.pop(), current)
            level, number = level + 1, number >> 1
            nodes.append((level, number, current))
        self._subtrees.append(current)
        self.size += 1
        return nodes

    def root(self) -> bytes:
        """Return the root of the tree as it is now."""
        if not self._subtrees:
            return EMPTY_ROOT
        *others, root = self._subtrees
        for subtree in reversed(others):
            root = hash_children(subtree, root)
        return root


def root_of(size: int, node: NodeReader) -> bytes:
    """Return the root of the first ``size`` leaves."""
    return _hash_of(0, size, node) if size else EMPTY_ROOT


def inclusion_proof(index: int, size: int, node: NodeReader) -> list[bytes]:
    """Return the audit path of leaf ``index`` in the tree of ``size`` leaves, lowest first (RFC 6962 section 2.1.1).

    Raises:
        ValueError: there is no such leaf.
    """
    if not 0 <= index < size:
        raise ValueError(f"a log of {size} entries has no entry {index}")
    path: list[bytes] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            path.append(_hash_of(middle, end, node))
            end = middle
        else:
            path.append(_hash_of(start, middle, node))
            start = middle
    return path[::-1]


def consistency_proof(old: int, new: int, node: NodeReader) -> list[bytes]:
    """Return what shows that the first ``old`` leaves of ``new`` are the old tree (RFC 6962 section 2.1.2).

    Raises:
        ValueError: the old tree is the larger one.
    """
    if not 0 <= old <= new:
        raise ValueError(f"{old} is not a size before {new}")
    if old in {0, new}:
        return []
    path: list[bytes] = []
    start, end, whole = 0, new, True  # whole: the old tree's root is what remains, and the verifier knows it
    while old != end:
        middle = start + _split(end - start)
        if old <= middle:
            path.append(_hash_of(middle, end, node))
            end = middle
        else:
            path.append(_hash_of(start, middle, node))
            start, whole = middle, False
    if not whole:
        path.append(_hash_of(start, end, node))
    return path[::-1]


def verify_inclusion(leaf: bytes, index: int, size: int, root: bytes, proof: Sequence[bytes]) -> None:
    """See that the leaf with this hash has this index in the tree with this root (RFC 9162 section 2.1.3.2).

    Raises:
        ProofError: it is not shown.
    """
    if not 0 <= index < size:
        raise ProofError(f"a tree of {size} leaves has no leaf {index}")
    node, last, current = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            raise ProofError("the proof is too long")
        if node & 1 or node == last:
            current = hash_children(sibling, current)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            current = hash_children(current, sibling)
        node, last = node >> 1, last >> 1
    if last:
        raise ProofError("the proof is too short")
    if current != root:
        raise ProofError("the proof leads to another root")


def verify_consistency(old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> None:
    """See that the new tree begins with all of the old one (RFC 9162 section 2.1.4.2).

    Raises:
        ProofError: it is not shown.
    """
    if not 0 <= old <= new:
        raise ProofError(f"{old} leaves cannot become {new}")
    if old in {0, new}:
        _verify_trivial(old, new, old_root, new_root, proof)
        return
    path = list(proof) if old & (old - 1) else [old_root, *proof]
    if not path:
        raise ProofError("the proof is too short")
    node, last = old - 1, new - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    before, after = _climb(path, node, last)
    if before != old_root:
        raise ProofError("the proof leads to another old root")
    if after != new_root:
        raise ProofError("the proof leads to another new root")


def _climb(path: Sequence[bytes], node: int, last: int) -> tuple[bytes, bytes]:
    """Return the old and the new root that the path leads to, from a node that both trees have."""
    before = after = path[0]
    for sibling in path[1:]:
        if last == 0:
            raise ProofError("the proof is too long")
        if node & 1 or node == last:
            before, after = hash_children(sibling, before), hash_children(sibling, after)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            after = hash_children(after, sibling)
        node, last = node >> 1, last >> 1
    if last:
        raise ProofError("the proof is too short")
    return before, after


def _verify_trivial(old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> None:
    if proof:
        raise ProofError("the proof is too long")
    if old == new and old_root != new_root:
        raise ProofError(f"two roots for {new} leaves")
    if old == 0 and old_root != EMPTY_ROOT:
        raise ProofError("a root of no leaves that is not that of the empty tree")


def _split(count: int) -> int:
    """Return the largest power of two below ``count``."""
    return 1 << ((count - 1).bit_length() - 1)


def _complete(start: int, end: int) -> list[tuple[int, int]]:
    """Return the complete subtrees, start and level, that the leaves from an aligned start to an end fall into."""
    found = []
    while start < end:
        level = (end - start).bit_length() - 1
        found.append((start, level))
        start += 1 << level
    return found


def _hash_of(start: int, end: int, node: NodeReader) -> bytes:
    *others, (first, level) = _complete(start, end)
    current = node(level, first >> level)
    for first, level in reversed(others):
        current = hash_children(node(level, first >> level), current)
    return current
