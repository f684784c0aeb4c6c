"""Ports: the Protocols through which the use cases reach databases, queues and other services.

common       pages of a listing, the clock, the makers of ids
booking      sessions, rows of seats, the seat cache, reservations, live holds
payments     payments, the payment gateway and its messages
events       the outbox, the audit log, processed events, counts
notifying    emails, webhooks, live seat maps
invoices     invoices and their files
tickets      tickets, the key that signs them, its public half
identity     tokens
people       stores of personal data
operations   rate limits, probes, counts of refusals, queues
"""

from .booking import *
from .common import *
from .events import *
from .identity import *
from .invoices import *
from .notifying import *
from .operations import *
from .payments import *
from .people import *
from .tickets import *
