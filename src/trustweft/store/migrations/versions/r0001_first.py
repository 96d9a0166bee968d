"""The first schema: replay memory, requests, grants, tokens, clients, people, attempts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create every table."""
    _identifiers_and_attempts()
    _requests()
    _grants()
    _tokens()
    _clients()
    _people()


def _identifiers_and_attempts() -> None:
    op.create_table(
        "used_identifiers",
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", sa.REAL(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_used_identifiers"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_used_identifiers_expires_at", "used_identifiers", ["expires_at", "sequence"], unique=False
    )
    op.create_table(
        "attempts",
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("window_ends", sa.REAL(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_attempts"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index("ix_attempts_window_ends", "attempts", ["window_ends"], unique=False)


def _requests() -> None:
    op.create_table(
        "pushed_requests",
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("kept_until", sa.REAL(), nullable=False),
        sa.Column("record", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_pushed_requests"),
        sqlite_strict=True,
    )
    op.create_index("ix_pushed_requests_kept_until", "pushed_requests", ["kept_until"], unique=False)
    op.create_table(
        "interactions",
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", sa.REAL(), nullable=False),
        sa.Column("record", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_interactions"),
        sqlite_strict=True,
    )
    op.create_index("ix_interactions_expires_at", "interactions", ["expires_at"], unique=False)


def _grants() -> None:
    op.create_table(
        "grants",
        sa.Column("grant_id", sa.Text(), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.REAL(), nullable=False),
        sa.Column("revoked_at", sa.REAL(), nullable=True),
        sa.Column("record", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("grant_id", name="pk_grants"),
        sqlite_strict=True,
    )
    op.create_index("ix_grants_client_id", "grants", ["client_id"], unique=False)
    op.create_index("ix_grants_expires_at", "grants", ["expires_at"], unique=False)
    op.create_index("ix_grants_subject", "grants", ["subject"], unique=False)
    op.create_table(
        "authorization_codes",
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("grant_id", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.REAL(), nullable=False),
        sa.Column("kept_until", sa.REAL(), nullable=False),
        sa.Column("used_at", sa.REAL(), nullable=True),
        sa.Column("record", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["grant_id"], ["grants.grant_id"], name="fk_authorization_codes_grant_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("digest", name="pk_authorization_codes"),
        sqlite_strict=True,
    )
    op.create_index("ix_authorization_codes_grant_id", "authorization_codes", ["grant_id"], unique=False)
    op.create_index("ix_authorization_codes_kept_until", "authorization_codes", ["kept_until"], unique=False)


def _tokens() -> None:
    op.create_table(
        "refresh_tokens",
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("grant_id", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.REAL(), nullable=False),
        sa.Column("record", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["grant_id"], ["grants.grant_id"], name="fk_refresh_tokens_grant_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("digest", name="pk_refresh_tokens"),
        sqlite_strict=True,
    )
    op.create_index("ix_refresh_tokens_expires_at", "refresh_tokens", ["expires_at"], unique=False)
    op.create_index("ix_refresh_tokens_grant_id", "refresh_tokens", ["grant_id"], unique=False)
    op.create_table(
        "revoked_access_tokens",
        sa.Column("jti", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.REAL(), nullable=False),
        sa.PrimaryKeyConstraint("jti", name="pk_revoked_access_tokens"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_revoked_access_tokens_expires_at", "revoked_access_tokens", ["expires_at"], unique=False
    )


def _clients() -> None:
    op.create_table(
        "clients",
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("metadata", sa.LargeBinary(), nullable=True),
        sa.Column("removed_at", sa.REAL(), nullable=True),
        sa.CheckConstraint(
            "(metadata IS NULL) = (removed_at IS NOT NULL)", name=op.f("ck_clients_tombstone")
        ),
        sa.PrimaryKeyConstraint("client_id", name="pk_clients"),
        sqlite_strict=True,
    )


def _people() -> None:
    op.create_table(
        "users",
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("username", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=True),
        sa.Column("record", sa.LargeBinary(), nullable=True),
        sa.Column("removed_at", sa.REAL(), nullable=True),
        sa.CheckConstraint(
            "(record IS NULL) = (removed_at IS NOT NULL) AND (record IS NULL) = (password_hash IS NULL)",
            name=op.f("ck_users_tombstone"),
        ),
        sa.PrimaryKeyConstraint("subject", name="pk_users"),
        sa.UniqueConstraint("username", name="uq_users_username"),
        sqlite_strict=True,
    )
    op.create_table(
        "passkeys",
        sa.Column("credential_id", sa.LargeBinary(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("sign_count", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.REAL(), nullable=False),
        sa.Column("record", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["subject"], ["users.subject"], name="fk_passkeys_subject"),
        sa.PrimaryKeyConstraint("credential_id", name="pk_passkeys"),
        sqlite_strict=True,
    )
    op.create_index("ix_passkeys_subject", "passkeys", ["subject"], unique=False)
