"""The token endpoint's grant types, one a file."""
