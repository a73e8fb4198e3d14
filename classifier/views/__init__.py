"""Pages of triage: the review queue, the desk's actions, and the language models of the back office."""
