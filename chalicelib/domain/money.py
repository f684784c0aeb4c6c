"""What prices are in."""

CURRENCY = "BRL"
"""Prices are in reais (ISO 4217): the contract's amounts name no currency."""

SYMBOL = "R$"
