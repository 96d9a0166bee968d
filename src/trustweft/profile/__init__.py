"""What binds every participant: requirements as rows, and profiles that give limits and duties their values.

The data is in `requirements/` (one file per specification) and `profiles/`. Participants read limits and duties
from a loaded `Profile`; nothing about security is said anywhere else.
"""

from __future__ import annotations

from trustweft.profile.errors import ProfileError
from trustweft.profile.implemented import check_implemented
from trustweft.profile.loading import (
    is_profile_file,
    load_profile,
    load_requirements,
    load_specification,
    profile_names,
    specification_ids,
)
from trustweft.profile.schema import (
    Bound,
    DirectoryRules,
    Duties,
    Level,
    Limits,
    Participant,
    Profile,
    Requirement,
    Specification,
)

__all__ = [
    "Bound",
    "DirectoryRules",
    "Duties",
    "Level",
    "Limits",
    "Participant",
    "Profile",
    "ProfileError",
    "Requirement",
    "Specification",
    "check_implemented",
    "is_profile_file",
    "load_profile",
    "load_requirements",
    "load_specification",
    "profile_names",
    "specification_ids",
]
