"""How long a run measures."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Plan:
    """seconds: one round of imports; the other durations follow from it. rows: invoices in the long list."""

    seconds: float = 3.0
    quick: bool = False
    rows: int = 100_000

    def rounds(self, usual: int) -> int:
        """Rounds of which the median is taken."""
        return 1 if self.quick else usual

    @property
    def warm(self) -> float:
        return min(1.5, self.seconds / 2)
