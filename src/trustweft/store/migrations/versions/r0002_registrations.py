"""Registrations that software made for itself: whose, found by which token, good until when."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "registrations",
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("directory", sa.Text(), nullable=False),
        sa.Column("software_id", sa.Text(), nullable=False),
        sa.Column("organisation_id", sa.Text(), nullable=False),
        sa.Column("token", sa.LargeBinary(), nullable=False),
        sa.Column("registered_at", sa.REAL(), nullable=False),
        sa.Column("expires_at", sa.REAL(), nullable=False),
        sa.PrimaryKeyConstraint("client_id", name="pk_registrations"),
        sa.UniqueConstraint("directory", "software_id", name="uq_registrations_directory"),
        sqlite_strict=True,
    )
    op.create_index("ix_registrations_expires_at", "registrations", ["expires_at"], unique=False)
    op.create_index(
        "ix_registrations_organisation_id", "registrations", ["directory", "organisation_id"], unique=False
    )
