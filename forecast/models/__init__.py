"""The forecasters, one file each; `forecast.members` names those that are served."""
