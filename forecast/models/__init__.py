"""The forecasters, one file each; `forecast.registry.MODELS` names them."""
