"""What a route may ask of its caller, in the words of the product's access control."""

from __future__ import annotations

from enum import StrEnum


class Permission(StrEnum):
    """One permission; `PUBLIC` needs no token, `SIGNED_IN` a valid one and nothing more."""

    PUBLIC = "public"
    SIGNED_IN = "signed-in"
    EMULATOR = "emulator"
    VIEW_SCHEMAS = "view-schemas"
    MANAGE_SCHEMAS = "manage-schemas"
    MANAGE_IDENTITY_METADATA = "manage-identity-metadata"
    VIEW_DATASETS = "view-datasets"
    MANAGE_DATASETS = "manage-datasets"
    VIEW_PROFILES = "view-profiles"
    MANAGE_PROFILES = "manage-profiles"
    VIEW_MERGE_POLICIES = "view-merge-policies"
    MANAGE_MERGE_POLICIES = "manage-merge-policies"
    VIEW_SEGMENTS = "view-segments"
    MANAGE_SEGMENTS = "manage-segments"
    EVALUATE_SEGMENTS = "evaluate-segments"
    EXPORT_AUDIENCE = "export-audience-for-segment"
    VIEW_IDENTITY_NAMESPACES = "view-identity-namespaces"
    MANAGE_IDENTITY_NAMESPACES = "manage-identity-namespaces"
    VIEW_IDENTITY_GRAPH = "view-identity-graph"
    VIEW_SANDBOXES = "view-sandboxes"
    MANAGE_SANDBOXES = "manage-sandboxes"
    VIEW_SOURCES = "view-sources"
    MANAGE_SOURCES = "manage-sources"
    VIEW_DESTINATIONS = "view-destinations"
    MANAGE_DESTINATIONS = "manage-destinations"
    ACTIVATE_DESTINATIONS = "activate-destinations"


UNGUARDED = (Permission.PUBLIC, Permission.SIGNED_IN, Permission.EMULATOR)
