"""The networks as torch modules, one paper a file."""
