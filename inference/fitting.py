"""
How many slots each model gets where the operator leaves it open: as many as fit into the memory.

Every slot costs memory for its context and carries one answer at a time, so models share what there is.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

MOST_SLOTS = 16
# With fewer than these each, models take turns in memory instead of all being there at once.
FEW_SLOTS = 4


@dataclass(frozen=True, slots=True)
class Model:
    """`needs` is what it takes in bytes with so many slots; `slots` 0 leaves their number open."""

    needs: Callable[[int], int]
    slots: int = 0
    pinned: bool = False

    def bytes_with(self, slots: int) -> int:
        return self.needs(self.slots or slots)


def fitting_slots(models: Sequence[Model], budget_bytes: int) -> int:
    """Slots for each of the models that leave it open: as many, up to 16, as let all of them be in memory
    together. If that would be fewer than 4: as many as let any one be there beside the pinned ones; at least
    1, whether or not that fits."""
    for slots in range(MOST_SLOTS, FEW_SLOTS - 1, -1):
        if sum(model.bytes_with(slots) for model in models) <= budget_bytes:
            return slots
    for slots in range(MOST_SLOTS, 1, -1):
        pinned = sum(model.bytes_with(slots) for model in models if model.pinned)
        others = [model.bytes_with(slots) for model in models if not model.pinned]
        if pinned + max(others, default=0) <= budget_bytes:
            return slots
    return 1
