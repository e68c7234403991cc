"""How do we talk to a code host? PyGithub, python-gitlab and GitPython live here, behind one Protocol.

Import rule: like `bot`; nothing of ours that remembers.
"""
