"""`person`: exports and erases what a stage has of one person. The adapters of chalicelib/application/person.py.

tables      reading and changing the stage's tables
booking     reservations, live holds, payments, and what is open of them
events      the audit log, and the numbered events for webhooks
papers      invoices with their files, tickets
leftovers   dead letters, stream failures
accounts    the user pool's account
records     the audit of erasures
stage       all of them for a stage, in the order of an erasure
telling     the answers of the commands

They are not in chalicelib, because no function may do this: an operator's own rights decide (docs/privacy.md).
"""
