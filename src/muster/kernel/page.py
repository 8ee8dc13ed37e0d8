"""One page of a list, whatever dialect prints it later."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")
U = TypeVar("U")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Items `offset` to `offset + len(items)` of `total_count`, in the order that was asked for."""

    items: tuple[T, ...]
    offset: int
    limit: int
    total_count: int

    @property
    def has_next(self) -> bool:
        """Whether items follow this page."""
        return self.offset + len(self.items) < self.total_count

    @property
    def page_count(self) -> int:
        """How many pages of this size the whole list has; 0 when it is empty."""
        return -(-self.total_count // self.limit) if self.limit else 0

    def map(self, change: Callable[[T], U]) -> Page[U]:
        """The same page with each item changed."""
        return Page(tuple(change(item) for item in self.items), self.offset, self.limit, self.total_count)
