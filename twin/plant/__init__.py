"""The plant's components: each a frozen set of parameters and pure, vectorised functions."""
