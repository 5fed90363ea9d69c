"""Sources that are asked instead of telling, one file each."""
