"""The hall of fame: dreams that members starred, and the best of each week.

A dream that was ever starred has a row. Whatever may change where it stands (a star, a withdrawal, an
opt-out) raises the row's generation; `bot.delivery.hall_posts` then counts its stars at Discord and posts,
edits or deletes until what the channel shows agrees, and stores the generation that it has observed. Nothing
is kept of who gave a star.

A post of the week's best has a row for each slot of a server's schedule, made once, when it is due; each
change of its state is a compare-and-set, and `bot.delivery.best_posts` sends it. This package does not import
discord.
"""
