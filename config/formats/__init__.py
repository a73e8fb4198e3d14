"""How moments are written, by language: one style everywhere, with a 24-hour clock."""
