"""The command's verbs, by room."""
