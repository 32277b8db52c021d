"""Adds access rights: people of an identity provider, requesters' API keys, ownership, the audit trail."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0009"
down_revision: Final = "0008"


def upgrade() -> None:
    """Add the tables. Existing people sign in by name, and everything existing belongs to the administrator."""
    with op.batch_alter_table("people") as people:
        people.alter_column("name_key", existing_type=sa.String(64), nullable=True)
        people.alter_column("sub", existing_type=sa.String(36), type_=sa.String(255), existing_nullable=False)
        people.add_column(sa.Column("issuer", sa.String(500)))
        people.add_column(sa.Column("group_names", sa.Text))
        people.create_unique_constraint("people_by_identity", ["issuer", "sub"])
    with op.batch_alter_table("workforces") as workforces:
        workforces.add_column(sa.Column("is_sealed", sa.Boolean, nullable=False, server_default=sa.false()))
    revisions = op.create_table(
        "revisions",
        sa.Column("name", sa.String(16), primary_key=True),
        sa.Column("number", sa.BigInteger, nullable=False),
    )
    op.bulk_insert(revisions, [{"name": "people", "number": 1}])
    op.create_table(
        "api_keys",
        sa.Column("access_key_id", sa.String(32), primary_key=True),
        sa.Column("requester", sa.String(64), nullable=False, index=True),
        sa.Column("secret", sa.Text, nullable=False),
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("created", sa.Float, nullable=False),
        sa.Column("expires", sa.Float),
        sa.Column("last_used", sa.Float),
    )
    op.create_table(
        "owners",
        sa.Column("arn", sa.String(400), primary_key=True),
        sa.Column("requester", sa.String(64), nullable=False, index=True),
    )
    op.create_table(
        "audit_trail",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("at", sa.Float, nullable=False, index=True),
        sa.Column("who", sa.String(255), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("address", sa.String(64), nullable=False),
        sa.Column("what", sa.String(100), nullable=False),
        sa.Column("target", sa.String(500), nullable=False),
        sa.Column("outcome", sa.String(100), nullable=False),
    )
