"""The schema, said once; only migrations and their tests import it.

Every secret stands here as its SHA-256 digest. Records are MessagePack; a column of its own is only what a statement
needs, and where both say something the column is right. Every table that can expire has an index on its expiry.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    REAL,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

__all__ = ["metadata"]

metadata: Final = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

# SQLite then holds every value to the type of its column.
STRICT: Final[dict[str, Any]] = {"sqlite_strict": True}
# For small rows that are only ever found by their key: one tree instead of two.
KEYED: Final[dict[str, Any]] = {**STRICT, "sqlite_with_rowid": False}


def _digest() -> Column[bytes]:
    return Column("digest", LargeBinary, primary_key=True, nullable=False)


def _time(name: str) -> Column[float]:
    return Column(name, REAL, nullable=False)


def _record() -> Column[bytes]:
    return Column("record", LargeBinary, nullable=False)


def _grant_id() -> Column[str]:
    return Column("grant_id", Text, ForeignKey("grants.grant_id", ondelete="CASCADE"), nullable=False)


Table(
    "used_identifiers",
    metadata,
    _digest(),
    _time("expires_at"),
    Column(
        "sequence", Integer, nullable=False
    ),  # new entries of the index stand side by side: few pages change
    Index("ix_used_identifiers_expires_at", "expires_at", "sequence"),
    **KEYED,
)

Table(
    "pushed_requests",
    metadata,
    _digest(),
    _time("kept_until"),
    _record(),
    Index("ix_pushed_requests_kept_until", "kept_until"),
    **STRICT,
)

Table(
    "interactions",
    metadata,
    _digest(),
    _time("expires_at"),
    _record(),
    Index("ix_interactions_expires_at", "expires_at"),
    **STRICT,
)

Table(
    "grants",
    metadata,
    Column("grant_id", Text, primary_key=True, nullable=False),
    Column("client_id", Text, nullable=False),
    Column("subject", Text, nullable=False),
    _time("expires_at"),
    Column("revoked_at", REAL),
    _record(),
    Index("ix_grants_expires_at", "expires_at"),
    Index("ix_grants_client_id", "client_id"),
    Index("ix_grants_subject", "subject"),
    **STRICT,
)

Table(
    "authorization_codes",
    metadata,
    _digest(),
    _grant_id(),
    _time("expires_at"),
    _time("kept_until"),
    Column("used_at", REAL),
    _record(),
    Index("ix_authorization_codes_kept_until", "kept_until"),
    Index("ix_authorization_codes_grant_id", "grant_id"),
    **STRICT,
)

Table(
    "refresh_tokens",
    metadata,
    _digest(),
    _grant_id(),
    _time("expires_at"),
    _record(),
    Index("ix_refresh_tokens_expires_at", "expires_at"),
    Index("ix_refresh_tokens_grant_id", "grant_id"),
    **STRICT,
)

Table(
    "revoked_access_tokens",
    metadata,
    Column("jti", Text, primary_key=True, nullable=False),
    _time("expires_at"),
    Index("ix_revoked_access_tokens_expires_at", "expires_at"),
    **KEYED,
)

Table(
    "clients",
    metadata,
    Column("client_id", Text, primary_key=True, nullable=False),
    Column("metadata", LargeBinary),
    Column("removed_at", REAL),
    CheckConstraint("(metadata IS NULL) = (removed_at IS NOT NULL)", name="tombstone"),
    **STRICT,
)

Table(
    "registrations",
    metadata,
    Column("client_id", Text, primary_key=True, nullable=False),
    Column("directory", Text, nullable=False),
    Column("software_id", Text, nullable=False),
    Column("organisation_id", Text, nullable=False),
    Column("token", LargeBinary, nullable=False),  # the digest of the registration access token
    _time("registered_at"),
    _time("expires_at"),
    UniqueConstraint("directory", "software_id"),
    Index("ix_registrations_expires_at", "expires_at"),
    Index("ix_registrations_organisation_id", "directory", "organisation_id"),
    **STRICT,
)

Table(
    "users",
    metadata,
    Column("subject", Text, primary_key=True, nullable=False),
    Column("username", Text, nullable=False, unique=True),
    Column("password_hash", Text),
    Column("record", LargeBinary),
    Column("removed_at", REAL),
    CheckConstraint(
        "(record IS NULL) = (removed_at IS NOT NULL) AND (record IS NULL) = (password_hash IS NULL)",
        name="tombstone",
    ),
    **STRICT,
)

Table(
    "passkeys",
    metadata,
    Column("credential_id", LargeBinary, primary_key=True, nullable=False),
    Column("subject", Text, ForeignKey("users.subject"), nullable=False),
    Column("sign_count", Integer, nullable=False),
    _time("created_at"),
    _record(),
    Index("ix_passkeys_subject", "subject"),
    **STRICT,
)

Table(
    "attempts",
    metadata,
    Column("key", LargeBinary, primary_key=True, nullable=False),
    Column("number", Integer, nullable=False),
    _time("window_ends"),
    Index("ix_attempts_window_ends", "window_ends"),
    **KEYED,
)
