"""Loggers: metrics and samples of a run, written for other tools; one file per library."""
