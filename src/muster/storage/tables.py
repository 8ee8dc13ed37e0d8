"""The tables, as SQLAlchemy sees them. Migrations make them; this file is what the queries are written against."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Boolean, Column, Index, Integer, LargeBinary, MetaData, String, Table
from sqlalchemy.dialects.postgresql import JSONB

metadata = MetaData()

_json = JSON().with_variant(JSONB(), "postgresql")

scopes = Table(
    "scopes",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("org_id", String(64), nullable=False),
    Column("sandbox_id", String(36), nullable=False, unique=True),
    Column("sandbox_name", String(256), nullable=False),
    Column("sandbox_type", String(16), nullable=False),
    Column("title", String(256), nullable=False),
    Column("state", String(16), nullable=False),
    Column("is_default", Boolean, nullable=False),
    Column("version", Integer, nullable=False, default=1),
    Column("created_ms", BigInteger, nullable=False),
    Column("updated_ms", BigInteger, nullable=False),
    Column("created_by", String(128), nullable=False),
    Index("scopes_by_name", "org_id", "sandbox_name", unique=True),
)

clients = Table(
    "clients",
    metadata,
    Column("client_id", String(128), primary_key=True),
    Column("org_id", String(64), nullable=False),
    Column("secret_hash", String(256), nullable=False),
    # A JSON list of permission names; ["*"] is all of them.
    Column("permissions", _json, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
)

documents = Table(
    "documents",
    metadata,
    Column("scope", Integer, primary_key=True, autoincrement=False),
    Column("kind", String(48), primary_key=True),
    Column("id", String(256), primary_key=True),
    Column("version", Integer, nullable=False),
    Column("body", _json, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("updated_ms", BigInteger, nullable=False),
    # Breaks ties of one millisecond, so that paging is stable.
    Column("serial", BigInteger, nullable=False),
    Index("documents_by_creation", "scope", "kind", "created_ms", "serial"),
)

document_keys = Table(
    "document_keys",
    metadata,
    Column("scope", Integer, primary_key=True, autoincrement=False),
    Column("kind", String(48), primary_key=True),
    Column("key", String(512), primary_key=True),
    Column("id", String(256), nullable=False),
    Index("document_keys_by_id", "scope", "kind", "id"),
)

document_links = Table(
    "document_links",
    metadata,
    Column("scope", Integer, primary_key=True, autoincrement=False),
    Column("kind", String(48), primary_key=True),
    Column("relation", String(48), primary_key=True),
    Column("target", String(256), primary_key=True),
    Column("id", String(256), primary_key=True),
    Index("document_links_by_id", "scope", "kind", "id"),
)

sequences = Table(
    "sequences",
    metadata,
    Column("scope", Integer, primary_key=True, autoincrement=False),
    Column("name", String(64), primary_key=True),
    Column("value", BigInteger, nullable=False),
)

tasks = Table(
    "tasks",
    metadata,
    Column("id", String(128), primary_key=True),
    Column("scope", Integer, nullable=False),
    Column("workflow", String(64), nullable=False),
    Column("argument", String(256), nullable=False),
    Column("owner", String(128), nullable=False),
    # Business time in milliseconds; 0 is at once.
    Column("due_ms", BigInteger, nullable=False),
    Column("state", String(16), nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Index("tasks_waiting", "state", "due_ms"),
    Index("tasks_by_owner", "scope", "owner"),
)

secrets = Table(
    "secrets",
    metadata,
    Column("scope", Integer, primary_key=True, autoincrement=False),
    Column("id", String(128), primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
)

leases = Table(
    "leases",
    metadata,
    Column("name", String(128), primary_key=True),
    Column("holder", String(128), nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
)

settings = Table(
    "settings",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("value", _json, nullable=False),
)
