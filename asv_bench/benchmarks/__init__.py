"""The asv suite: one file for each concern."""
