"""Metrics as Prometheus reads them."""

from typing import Any

from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from tests.support.http import Answer


class Scraped:
    """The values of a text of metrics. It must be one that Prometheus can read."""

    def __init__(self, answer: Answer) -> None:
        assert answer.status == 200, answer.text
        is_open = answer.headers["Content-Type"].startswith("application/openmetrics-text")
        read: Any = openmetrics.text_string_to_metric_families if is_open else text_string_to_metric_families
        self.families = list(read(answer.text))
        names = [family.name for family in self.families]
        assert len(set(names)) == len(names)
        self.samples = [sample for family in self.families for sample in family.samples]
        keys = [(sample.name, tuple(sorted(sample.labels.items()))) for sample in self.samples]
        assert len(set(keys)) == len(keys)

    @property
    def names(self) -> set[str]:
        return {sample.name for sample in self.samples}

    def value(self, metric: str, /, **labels: str) -> float:
        """The sum of the values with these labels, and perhaps others; 0 without any."""
        return sum(
            sample.value for sample in self.samples if sample.name == metric and labels.items() <= sample.labels.items()
        )

    def has(self, metric: str, /, **labels: str) -> bool:
        return any(sample.name == metric and labels.items() <= sample.labels.items() for sample in self.samples)
