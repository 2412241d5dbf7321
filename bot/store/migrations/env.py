"""Alembic's entry: runs the migrations on the connection that `bot.store.database` hands over.

CONTRIBUTING.md says how to add one. Its file is named NNNN_what.py; NNNN is its revision.
"""

from alembic import context

context.configure(connection=context.config.attributes["connection"], render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
