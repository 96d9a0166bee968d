"""Hashing and proofs: the published vectors of the reference implementation, and every small tree against RFC 6962."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trustweft.evidence.merkle import (
    EMPTY_ROOT,
    Frontier,
    ProofError,
    consistency_proof,
    hash_children,
    hash_leaf,
    inclusion_proof,
    root_of,
    verify_consistency,
    verify_inclusion,
)

# The inputs and roots that the certificate-transparency reference implementation is tested with.
LEAVES = [
    bytes.fromhex(leaf)
    for leaf in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


class Tree:
    """All complete nodes of a tree."""

    def __init__(self, contents: list[bytes]) -> None:
        self.nodes: dict[tuple[int, int], bytes] = {}
        self.roots = [EMPTY_ROOT]
        frontier = Frontier()
        for content in contents:
            self.nodes |= {
                (level, number): hashed for level, number, hashed in frontier.append(hash_leaf(content))
            }
            self.roots.append(frontier.root())

    def node(self, level: int, number: int) -> bytes:
        """As a file would answer."""
        return self.nodes[level, number]


def plain_root(leaves: list[bytes]) -> bytes:
    """RFC 6962 section 2.1, word for word."""
    if len(leaves) < 2:
        return hash_leaf(leaves[0]) if leaves else EMPTY_ROOT
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return hash_children(plain_root(leaves[:split]), plain_root(leaves[split:]))


def test_the_root_of_the_empty_tree_is_the_hash_of_nothing() -> None:
    """As published."""
    assert EMPTY_ROOT.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert root_of(0, Tree([]).node) == EMPTY_ROOT


def test_the_published_roots_come_out() -> None:
    """For the first one to eight leaves, appended or read from nodes."""
    tree = Tree(LEAVES)
    assert [root.hex() for root in tree.roots[1:]] == ROOTS
    assert [root_of(size, tree.node).hex() for size in range(1, 9)] == ROOTS


@pytest.mark.parametrize(
    ("index", "size", "path"),
    [
        (0, 1, []),
        (
            0,
            8,
            [
                "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
            ],
        ),
        (
            5,
            8,
            [
                "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
                "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            ],
        ),
        (2, 3, ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"]),
    ],
)
def test_the_published_inclusion_proofs_come_out(index: int, size: int, path: list[str]) -> None:
    """And they verify."""
    tree = Tree(LEAVES)
    proof = inclusion_proof(index, size, tree.node)
    assert [each.hex() for each in proof] == path
    verify_inclusion(hash_leaf(LEAVES[index]), index, size, tree.roots[size], proof)


@pytest.mark.parametrize(
    ("old", "new", "path"),
    [
        (1, 1, []),
        (
            1,
            8,
            [
                "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
            ],
        ),
        (
            2,
            5,
            [
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            ],
        ),
    ],
)
def test_the_published_consistency_proofs_come_out(old: int, new: int, path: list[str]) -> None:
    """And they verify."""
    tree = Tree(LEAVES)
    proof = consistency_proof(old, new, tree.node)
    assert [each.hex() for each in proof] == path
    verify_consistency(old, new, tree.roots[old], tree.roots[new], proof)


def test_every_proof_of_every_small_tree_verifies_and_no_other_does() -> None:
    """Up to 33 leaves: wrong places, changed, shortened and lengthened proofs are refused."""
    contents = [bytes([number]) for number in range(33)]
    tree = Tree(contents)
    for new in range(34):
        assert tree.roots[new] == plain_root(contents[:new])
        for index in range(new):
            proof = inclusion_proof(index, new, tree.node)
            leaf = hash_leaf(contents[index])
            verify_inclusion(leaf, index, new, tree.roots[new], proof)
            for wrong in ([*proof, EMPTY_ROOT], proof[:-1], [EMPTY_ROOT, *proof[1:]]):
                if wrong != proof:
                    with pytest.raises(ProofError):
                        verify_inclusion(leaf, index, new, tree.roots[new], wrong)
            with pytest.raises(ProofError):
                verify_inclusion(leaf, index + 1, new, tree.roots[new], proof)
        for old in range(new + 1):
            proof = consistency_proof(old, new, tree.node)
            verify_consistency(old, new, tree.roots[old], tree.roots[new], proof)
            for wrong in ([*proof, EMPTY_ROOT], proof[:-1], [EMPTY_ROOT, *proof[1:]] if proof else proof):
                if wrong != proof:
                    with pytest.raises(ProofError):
                        verify_consistency(old, new, tree.roots[old], tree.roots[new], wrong)
            with pytest.raises(ProofError):
                verify_consistency(old, new, b"x" * 32, tree.roots[new], proof)


@pytest.mark.parametrize(("index", "size"), [(0, 0), (1, 1), (-1, 1)])
def test_what_is_not_in_the_tree_has_no_proof(index: int, size: int) -> None:
    """Neither is one made nor accepted."""
    with pytest.raises(ValueError, match="no entry"):
        inclusion_proof(index, size, Tree(LEAVES).node)
    with pytest.raises(ProofError):
        verify_inclusion(EMPTY_ROOT, index, size, EMPTY_ROOT, [])


def test_a_tree_does_not_shrink() -> None:
    """Neither is such a proof made nor accepted."""
    with pytest.raises(ValueError, match="not a size before"):
        consistency_proof(2, 1, Tree(LEAVES).node)
    with pytest.raises(ProofError, match="cannot become"):
        verify_consistency(2, 1, EMPTY_ROOT, EMPTY_ROOT, [])


def test_a_proof_costs_no_more_than_the_tree_is_high() -> None:
    """Look-ups grow with the square of the height at most, and an append makes two nodes at most on average."""
    tree = Tree([number.to_bytes(2) for number in range(4095)])
    assert len(tree.nodes) < 2 * 4095
    asked: list[tuple[int, int]] = []

    def node(level: int, number: int) -> bytes:
        asked.append((level, number))
        return tree.node(level, number)

    inclusion_proof(1234, 4095, node)
    consistency_proof(1233, 4095, node)
    assert len(asked) < 12 * 12


@given(st.integers(1, 300), st.data())
def test_a_frontier_that_is_read_back_goes_on_as_before(size: int, data: st.DataObject) -> None:
    """Restarts change nothing."""
    contents = [number.to_bytes(2) for number in range(size)]
    tree = Tree(contents)
    restart = data.draw(st.integers(0, size))
    frontier = Frontier(restart, tree.node)
    assert frontier.root() == tree.roots[restart]
    for content in contents[restart:]:
        frontier.append(hash_leaf(content))
    assert frontier.root() == tree.roots[size]
