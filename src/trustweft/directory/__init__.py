"""The trust anchor's domain: who takes part, in which role, with which keys; what is so now, and what was so when.

Values in, values out: no HTTP, no framework, no database. `Keeper` joins it to a store.
"""
