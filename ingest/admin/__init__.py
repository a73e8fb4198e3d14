"""The back office of the doors."""
