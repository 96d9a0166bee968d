"""Signatures, keys and certificates on top of ``cryptography``."""
