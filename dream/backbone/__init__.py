"""The networks that are dreamt with: what they are, where their weights come from, how they are built."""
