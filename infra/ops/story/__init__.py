"""Tells a reservation's whole life, from every source: `python -m infra.ops story RESERVATION`.

known.py      what is looked for: the reservation's screening, seats, payments and events
tables.py     from the tables          messages.py    from queues, dead letters, stream failures
logs.py       from logs                telling.py     puts all in order, and says what could not be read
"""
