"""Figures: what is drawn in each, and how every one looks."""
