"""The tables of the consumers: tickets, invoices, counts, the audit log, notifications, webhooks and so on."""
