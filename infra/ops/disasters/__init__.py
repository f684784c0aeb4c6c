"""Repairs after disasters: events told again from the tables, and a restored table brought forward."""
