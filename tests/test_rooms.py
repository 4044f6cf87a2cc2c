"""Which part of the program may import which."""

import ast
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# What the modules of each room of core may import, beside their own room. "": the modules at core's top.
ROOMS = {
    "": {""},
    "data": {""},
    "live": {"", "data"},
    "files": {"", "data"},
    "paper": {"", "files"},
    "sheets": {""},
    "report": {"", "paper", "sheets"},
    "jobs": {"", "data", "files"},
    "http": {"", "data", "live", "files"},
    "run": {"", "data", "live", "files", "http", "jobs"},
    "embedded": {""},
    "release": {""},
    "operate": {"", "data", "files", "jobs", "live", "embedded"},
}

# Modules that join the areas: what each declares, and commands about several.
JOINING = ("handlers.api.areas", "handlers.settings", "handlers.account_commands", "handlers.operator_commands")


class Imports(ast.NodeVisitor):
    """Collects the modules that a file imports, also inside functions; not those for type checkers only."""

    def __init__(self, path: Path) -> None:
        self.found: set[str] = set()
        self.visit(ast.parse(path.read_text(encoding="utf-8")))

    def visit_If(self, node: ast.If) -> None:
        if ast.unparse(node.test) != "TYPE_CHECKING":
            self.generic_visit(node)

    def visit_Import(self, node: ast.Import) -> None:
        self.found |= {name.name for name in node.names}

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        for name in node.names:
            inner = f"{node.module}.{name.name}"
            is_module = (ROOT / (inner.replace(".", "/") + ".py")).exists()
            self.found.add(inner if is_module else str(node.module))


def modules(folder: str) -> dict[str, set[str]]:
    """Each module below a folder, with what it imports of core and handlers."""
    return {
        str(path.relative_to(ROOT).with_suffix("")).replace("/", ".").removesuffix(".__init__"): {
            name for name in Imports(path).found if name.split(".")[0] in ("core", "handlers")
        }
        for path in sorted((ROOT / folder).rglob("*.py"))
    }


def room(module: str) -> str:
    """The room of a module of core."""
    parts = module.split(".")
    return parts[1] if len(parts) > 2 or (len(parts) == 2 and parts[1] in ROOMS) else ""


def test_core_imports_no_handler():
    found = {
        (module, name) for module, names in modules("core").items() for name in names if name.startswith("handlers")
    }
    assert not found


def test_each_room_of_core_imports_only_the_rooms_it_stands_on():
    found = {
        (module, name)
        for module, names in modules("core").items()
        for name in names
        if room(name) not in ROOMS[room(module)] | {room(module)}
    }
    assert not found


def test_areas_import_core_and_what_they_share_but_never_each_other():
    allowed = ("core", "handlers.api", "handlers.settings")
    found = {
        (module, name)
        for module, names in modules("handlers").items()
        if module.count(".") > 0 and module not in JOINING
        for name in names
        if not name.startswith((*allowed, ".".join(module.split(".")[:2])))
    }
    assert not found


def test_no_modules_import_each_other_in_a_circle():
    graph = modules("core") | modules("handlers")
    state: defaultdict[str, str] = defaultdict(str)

    def visit(module: str, way: tuple[str, ...]) -> None:
        assert state[module] != "open", f"a circle of imports: {' -> '.join((*way, module))}"
        if state[module] != "done":
            state[module] = "open"
            for name in sorted(graph.get(module, ())):
                if name != module:
                    visit(name, (*way, module))
            state[module] = "done"

    for module in sorted(graph):
        visit(module, ())
