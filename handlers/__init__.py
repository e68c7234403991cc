"""What do we do when something happens? Doors (webhooks, api, pages, cli) and reactions.

Import rule: `handlers` may import `storage` and `bot`; nothing imports `handlers`.
Door rule: a door verifies, remembers and answers; it does not think.
Reaction rule: a reaction gathers facts, asks `bot/`, saves, and returns the jobs that come next.
"""
