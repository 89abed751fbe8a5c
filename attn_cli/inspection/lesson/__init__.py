"""Attention explained in steps, with the numbers of one forward pass."""
