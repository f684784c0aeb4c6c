"""The service of the old design. It runs in .venv-classic, so it imports nothing of ours.

    hold      lock each seat in Redis, in sorted order ─► BEGIN, SELECT … FOR UPDATE, INSERT, UPDATE, COMMIT ─► publish
              ─► unlock
    confirm   BEGIN, SELECT … FOR UPDATE, UPDATE, INSERT, UPDATE, COMMIT ─► publish
    sweep     each second: release what has lapsed ─► publish

The lock keeps buyers of one seat out of the database while another is at it. What decides is the row lock: without
Redis' word nothing would be sold twice. Sorted order keeps two transactions from waiting for each other.
"""
