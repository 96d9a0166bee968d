"""The directory's console: who takes part and in which state, what runs out, who trusts whom, and what happened.

`routes.py` is its plan on one screen and `rights.py` says who may do what. Every change goes through the directory's
`Keeper` with the person as its actor, so that the register's own rules hold whatever the pages offer.
"""
