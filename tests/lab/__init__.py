"""Real servers, recorded Odoo transactions and a simulated Shopify for tests and the demo.

Needs Debian's own python3-psycopg and python3-confluent-kafka, nothing from elsewhere. Everything
listens on loopback at free ports and keeps its files in directories of its own, so several users of
this package run side by side.
"""
