"""`python -m maze_interp` is `maze-interp`."""

import sys

from maze_interp.cli.commands import main

sys.exit(main())
