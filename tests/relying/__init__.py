"""Clients that the hostile server is tried on."""
