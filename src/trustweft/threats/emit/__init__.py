"""The same description as text: for our own engine, and for provers that others wrote."""
