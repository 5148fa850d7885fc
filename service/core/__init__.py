"""Pure rules: no Flask, SQLAlchemy, Redis, RQ, IMAP, socket, environment or clock."""
