"""The duration of the measurements."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Plan:
    """seconds: the length of one round of imports, from which the other lengths follow. rows: the invoices in the long list."""

    seconds: float = 3.0
    quick: bool = False
    rows: int = 100_000

    def rounds(self, usual: int) -> int:
        """Returns the number of rounds. The median of the rounds is reported."""
        return 1 if self.quick else usual

    @property
    def warm(self) -> float:
        return min(1.5, self.seconds / 2)
