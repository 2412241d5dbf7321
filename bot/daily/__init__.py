"""The daily dream: a random picture, dreamt ahead of time and posted on its minute, once."""
