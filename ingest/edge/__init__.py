"""The gateway on the plant's side: it writes what is genuine and harmless, and lets go by itself."""
