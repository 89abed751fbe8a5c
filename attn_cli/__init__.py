"""Tiny character-level transformers: train one in a minute and see what happens inside."""

__version__ = "0.1.0"
