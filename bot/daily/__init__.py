"""The daily dream: a random picture, dreamt ahead of time and posted on its minute, once.

`planner` plans a post for each slot of a server's `schedule` and asks `dreams` for a dream of it, which picks
from the `sources`. A post's row then goes through these states; each change is a compare-and-set in `posts`:

    planned ── due and its dream is done ──▶ posting ── its message is on Discord ──▶ posted
       │                                        │
       └── too late ──▶ missed                  └── Discord or a permission says no ──▶ failed
       └── its dreams fail, or its recipe ──▶ failed
    any of them ── a moderator removes it ──▶ removed

Whoever works on an open post owns its row. If that process dies, another goes on: with a `posting` one it
searches the channel first. Nothing here knows Discord: `servers` says what has to be known of it, and
`bot.delivery` implements that and sends the messages.
"""
