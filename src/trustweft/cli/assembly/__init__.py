"""Puts each participant together from its settings: the same way for `trustweft serve` and `trustweft up`."""
