"""The two forms of tests that draw at random: short by default, long with `--long`."""

# Set by tests/support/plugin.py from the command line, before any test module is imported.
is_long = False


def by_form(*, short: float, long: float) -> float:
    """How many steps, examples or seconds such a test takes."""
    return long if is_long else short
