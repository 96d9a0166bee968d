"""The checks, one rule a function: each establishes a fact about the exchange or refuses it."""
