"""Every write of ticketing. Doors, tasks and upper apps call these and nothing else."""
