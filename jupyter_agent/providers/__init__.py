"""One adapter for each model API, behind one port."""
