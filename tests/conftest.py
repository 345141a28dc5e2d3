"""Every shape annotation of the library is checked while the tests run; properties are tried on a few examples each.

`make test-all` tries them on as many as hypothesis does by itself.
"""

import pytest
from hypothesis import settings
from jaxtyping import install_import_hook

install_import_hook("maze_interp", "beartype.beartype")
settings.register_profile("short", max_examples=30)
settings.load_profile("short")


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """One small finished run for every test that only looks: copy it before changing anything in its folder."""
    from maze_interp import training
    from tests import tiny

    return training.train(tiny.LEARNS, tmp_path_factory.mktemp("runs") / "learns")
