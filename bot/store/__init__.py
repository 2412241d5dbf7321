"""What survives a restart: the database, and one module of tables per feature."""
