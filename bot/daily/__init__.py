"""The daily dream: a random picture, dreamt ahead of time and posted once, at its scheduled minute.

`planner` plans a post for each slot of a server's schedule; `dreams` chooses a source and a recipe for it and
submits the job. A post's row then has these states; each change is a compare-and-set in `posts`:

    planned ── due and its dream is done ──▶ posting ── its message is on Discord ──▶ posted
       │                                        │
       └── too late ──▶ missed                  └── Discord refuses it ──▶ failed
       └── its dreams fail, or its recipe ──▶ failed
    any of them ── a moderator removes it ──▶ removed

The process that works on an open post owns its row. If it dies, another process continues; for a `posting`
row it first searches the channel for the message. This package does not import discord: `servers` is the
interface that it needs, and `bot.delivery` implements it and sends the messages.
"""
