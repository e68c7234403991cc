"""How does a stage of a run get executed? The runner process: engine, sandbox, job client.

Import rule: like `bot`: no database, no master key, no VCS credential; it can stand on another machine.
"""
