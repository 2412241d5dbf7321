"""Rows shown as Discord's messages: what the database says is what members see, sooner or later."""
