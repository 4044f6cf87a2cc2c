"""Machinery that would serve another trade as well."""

import sys
from typing import Any

# redis-py imports the metrics of opentelemetry wherever that is installed, which takes some 100 ms and 3 MB in each process, and nothing
# here uses them. With None an import fails as if it were not installed (the Python reference, 5.3.1). core/traces.py removes the entry.
_modules: dict[str, Any] = sys.modules
_modules.setdefault("opentelemetry", None)
