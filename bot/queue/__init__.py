"""The durable queue: jobs in the database, their order, limits and cost, and their dispatch to the farm."""
