"""Where heads look and what they move, layer by layer: what a head is called, what its matrices do to tokens."""
