"""Every shape annotation of the library is checked while the tests run."""

from jaxtyping import install_import_hook

install_import_hook("maze_interp", "beartype.beartype")
