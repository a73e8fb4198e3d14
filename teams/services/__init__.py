"""Every write of the people layer."""
