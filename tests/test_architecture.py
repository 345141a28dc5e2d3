"""The house keeps its rules: rooms look down only, each third-party library has one door, pieces stay small.

Every rule is a function from a path and a source text to complaints, and is shown to complain before it is believed.
"""

import ast
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import pytest

ROOT = Path(__file__).parents[1]
LAYERS = [  # top first; rooms on one line are siblings
    {"__main__"},  # `python -m maze_interp`
    {"cli"},
    {"experiments"},
    {"behaviour", "probing", "attention", "patching", "steering", "optimisation", "sequences", "figures"},
    {"training"},
    {"models"},
    {"tokens"},
    {"mazes"},
    {"recipes", "seeds", "storage", "tables"},
]
LEVEL = {room: level for level, rooms in enumerate(LAYERS) for room in rooms}
GROUND = len(LAYERS) - 1
DOORS = {
    "transformer_lens": ("models/hooked.py",),
    "numba": ("seeds.py", "mazes/", "tokens/", "sequences/"),
    "huggingface_hub": ("models/hub.py",),
    "plotly": ("figures/",),
    "circuitsvis": ("figures/",),
    "networkx": ("mazes/interop.py",),
    "dask": ("cli/sweep.py",),
    "distributed": ("cli/sweep.py",),
    "tqdm": ("cli/",),
    "wandb": ("cli/tracking.py",),
    "sklearn": (),
    "scipy": (),
    "hypothesis": (),
    "pytest": (),
    "pandas": (),
    "maze_dataset": (),
    "pyarrow": ("mazes/exchange.py",),
    "datasets": ("mazes/exchange.py",),
}
LONGEST_FILE, LONGEST_FUNCTION = 300, 60
RESERVED = {"utils", "helpers", "common", "misc", "base", "core", "manager"}


def imports(source: str) -> Iterator[str]:
    """Every imported module by its dotted name; for `from a import b` both `a` and `a.b`, as b may be a module."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            yield from (module, *(f"{module}.{alias.name}" for alias in node.names))


def upward_imports(path: str, source: str) -> list[str]:
    """Imports of a room above, beside or unknown, and relative imports, which hide where they lead."""
    room = PurePosixPath(path).parts[0].removesuffix(".py")
    if room == "__init__":
        return [f"{path} imports {name}" for name in imports(source) if name.startswith("maze_interp")]
    complaints = []
    for name in imports(source):
        head, _, rest = name.partition(".")
        target = rest.partition(".")[0]
        if name.startswith("."):
            complaints.append(f"{path} imports {name} relatively")
        elif head == "maze_interp" and target and target != room and not allowed(room, target):
            complaints.append(f"{path} ({room}) imports {target}")
    return complaints


def allowed(room: str, target: str) -> bool:
    """Down is allowed, and the root files, which share the ground, may use each other."""
    if room not in LEVEL or target not in LEVEL:
        return False
    return LEVEL[room] < LEVEL[target] or LEVEL[room] == LEVEL[target] == GROUND


def wrong_doors(path: str, source: str) -> list[str]:
    libraries = {name.partition(".")[0] for name in imports(source)} & DOORS.keys()
    return [f"{path} imports {name}" for name in sorted(libraries) if not path.startswith(DOORS[name] or ("nowhere",))]


def calls(source: str) -> list[ast.Call]:
    return [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]


def prints(path: str, source: str) -> list[str]:
    """Calls of print outside the command line (standard error and files included: use the progress callback)."""
    if path.startswith("cli/"):
        return []
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    return [
        f"{path}:{call.lineno} prints" for call in calls if isinstance(call.func, ast.Name) and call.func.id == "print"
    ]


def global_randomness(path: str, source: str) -> list[str]:
    """Uses of the process-wide random state of numpy, torch or the standard library."""
    wrong = ("np.random.seed", "np.random.rand", "np.random.choice", "np.random.shuffle", "np.random.permutation")
    wrong += ("torch.manual_seed", "random.seed", "random.random", "random.choice", "random.shuffle")
    return [
        f"{path}:{call.lineno} calls {ast.unparse(call.func)}"
        for call in calls(source)
        if ast.unparse(call.func) in wrong
    ]


def too_long(path: str, source: str) -> list[str]:
    lines = len(source.splitlines())
    complaints = [f"{path} has {lines} lines, more than {LONGEST_FILE}"] if lines > LONGEST_FILE else []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > LONGEST_FUNCTION:
                complaints.append(f"{path}:{node.lineno} {node.name} has {length} lines, more than {LONGEST_FUNCTION}")
    return complaints


def says_nothing(path: str, source: str) -> list[str]:
    """Modules without a docstring (an empty __init__.py says nothing and need not) and names that say nothing."""
    complaints = [f"{path} is called {name}" for name in PurePosixPath(path).with_suffix("").parts if name in RESERVED]
    if source.strip() and ast.get_docstring(ast.parse(source)) is None:
        complaints.append(f"{path} has no docstring")
    return complaints


RULES = [upward_imports, wrong_doors, prints, global_randomness, too_long, says_nothing]
MODULES = sorted((ROOT / "maze_interp").rglob("*.py"))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_library_keeps_the_rule(rule):
    assert len(MODULES) > 10
    complaints = [
        complaint
        for path in MODULES
        for complaint in rule(path.relative_to(ROOT / "maze_interp").as_posix(), path.read_text(encoding="utf-8"))
    ]
    assert not complaints, "\n".join(complaints)


@pytest.mark.parametrize(
    ("rule", "path", "source"),
    [
        (upward_imports, "tokens/schemes.py", "from maze_interp import models"),
        (upward_imports, "tokens/schemes.py", "def f():\n    import maze_interp.models.rollout"),
        (upward_imports, "probing/linear.py", "from maze_interp.attention import heads"),
        (upward_imports, "mazes/batch.py", "from maze_interp.attic import old"),
        (upward_imports, "mazes/batch.py", "from ..tokens import Tokenizer"),
        (upward_imports, "recipes.py", "from maze_interp import mazes"),
        (upward_imports, "attic/old.py", "from maze_interp import mazes"),
        (upward_imports, "__init__.py", "from maze_interp import mazes"),
        (wrong_doors, "training/loop.py", "from transformer_lens import HookedTransformer"),
        (wrong_doors, "models/rollout.py", "import transformer_lens.utilities as t"),
        (wrong_doors, "behaviour/metrics.py", "from numba import njit"),
        (wrong_doors, "probing/linear.py", "def f():\n    from sklearn.linear_model import Ridge"),
        (prints, "training/loop.py", "if loud:\n    print('loss', 3)"),
        (global_randomness, "training/loop.py", "torch.manual_seed(0)"),
        (global_randomness, "mazes/endpoints.py", "import numpy as np\nnp.random.seed(0)"),
        (too_long, "mazes/a.py", "x = 1\n" * 301),
        (too_long, "mazes/a.py", "def f():\n" + "    x = 1\n" * 60),
        (says_nothing, "mazes/a.py", "x = 1"),
        (says_nothing, "mazes/utils.py", '"""Things."""'),
    ],
)
def test_the_rule_complains(rule, path, source):
    assert rule(path, source)


@pytest.mark.parametrize(
    ("rule", "path", "source"),
    [
        (upward_imports, "models/rollout.py", "import torch\nfrom maze_interp import mazes, seeds"),
        (upward_imports, "models/rollout.py", "from maze_interp.models.sites import Site"),
        (upward_imports, "tables.py", "from maze_interp import seeds, storage"),
        (wrong_doors, "mazes/endpoints.py", "from numba import njit"),
        (wrong_doors, "models/hooked.py", "from transformer_lens import HookedTransformer"),
        (prints, "cli/commands.py", "print(1)"),
        (prints, "figures/page.py", "page.print()\nblueprint()"),
        (global_randomness, "mazes/a.py", "rng = np.random.default_rng(0)\ntorch.Generator().manual_seed(0)"),
        (too_long, "mazes/a.py", "def f():\n" + "    x = 1\n" * 59),
        (says_nothing, "cli/__init__.py", ""),
    ],
)
def test_the_rule_does_not_complain_of_what_is_right(rule, path, source):
    assert rule(path, source) == []


@pytest.mark.parametrize("folder", ["datasets", "probes"])
def test_data_folders_hold_no_python(folder):
    assert list((ROOT / folder).rglob("*.py")) == []  # a package called `datasets` would shadow the one others import


def test_every_room_is_known():
    rooms = {path.relative_to(ROOT / "maze_interp").parts[0].removesuffix(".py") for path in MODULES}
    assert rooms - {"__init__"} <= LEVEL.keys()
