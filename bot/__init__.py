"""What is true, allowed and possible? Pure rules.

Import rule: `bot` imports neither `handlers` nor `storage`.
Purity rule: modules directly in `bot/` and in `bot/messages/` do no I/O; `bot/vcs/` and `bot/runner/` are the hands.
"""
