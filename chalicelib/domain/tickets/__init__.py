"""Tickets: one for each seat of a sale, signed, so that a gate can check it without asking anybody."""
