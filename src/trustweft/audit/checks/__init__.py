"""The checks, one module per group of the catalogue; the registry finds whatever stands here."""
