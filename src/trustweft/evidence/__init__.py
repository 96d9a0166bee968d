"""Append-only evidence: a Merkle log whose entries nobody can change, remove or reorder unnoticed."""
