"""Printing: pages of text as PDF, by reportlab."""
