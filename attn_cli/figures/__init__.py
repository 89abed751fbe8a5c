"""Figures for a slide, a paper and a handout: one style, and how they are written."""
