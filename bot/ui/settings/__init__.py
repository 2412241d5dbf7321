"""The user interface of settings: panel, forms, files, and parsing of names."""
