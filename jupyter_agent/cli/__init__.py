"""The command line, `jupyter agent ...`."""
