"""What benches and tests share: a Discord to log in to, a PostgreSQL server, dreams that only sleep."""
