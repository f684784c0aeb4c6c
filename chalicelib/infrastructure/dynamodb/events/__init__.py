"""Tables that consumers of events write: tickets, invoices, counts, the audit log, notifications and so on."""
