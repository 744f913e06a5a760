"""``starling up``: a private PostgreSQL and Valkey beside all services, on one machine, under one supervisor."""
