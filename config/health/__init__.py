"""Is the process alive, is it ready, and how well does it do (O3)."""
