"""Measurements, side by side with what operators use today."""
