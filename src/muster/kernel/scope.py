"""What a store is opened for: one sandbox of one organisation."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scope:
    """One sandbox of one organisation. Code that holds a store of one scope cannot see another.

    Attributes:
        number: Key of the scope in every table and in every lake path.
        org_id: `<24 hex>@AdobeOrg`.
        sandbox_id: UUID of the sandbox.
        sandbox_name: Its name, unique in the organisation.
        sandbox_type: `production` or `development`.
        is_default: Whether calls without a sandbox header come here.
    """

    number: int
    org_id: str
    sandbox_id: str
    sandbox_name: str
    sandbox_type: str
    is_default: bool

    @property
    def tenant_id(self) -> str:
        """The namespace of the organisation's own fields, without the leading underscore."""
        return self.org_id.split("@", 1)[0].lower()[:12]
