"""Experiments: several runs, what was measured of each, and how sure a difference is."""
