"""Trustweft: a secure API ecosystem in a box."""
