"""The prover: searches for attacks on a profile by the attackers of the FAPI 2.0 Attacker Model.

Roles, mechanisms and attackers are described once (`model/`), as rules (`language`). From them come the program that
clingo searches (`emit.clingo`, `solve`) and the models for provers that others wrote (`emit`).
"""
