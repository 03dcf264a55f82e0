"""The notebooks and the kernels of one conversation: by which backend, which runner, which tab."""
