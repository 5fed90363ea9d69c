"""The command `joulecast`: puts the rooms together."""
