"""The settings as admins see them: the panel and its forms, files, names and texts."""
