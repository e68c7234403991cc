"""What do we remember? SQLite through sqlite-utils, and encrypted blobs.

Import rule: `storage` may import `bot`, never `handlers`.
"""
