"""The Discord side: what people see, and what keeps their dreams."""
