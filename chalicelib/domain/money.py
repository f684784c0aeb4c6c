"""What prices are in."""

CURRENCY = "R$"
"""Prices are in reais: the contract's amounts name no currency."""
