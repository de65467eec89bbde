"""What is left after the worst: processes killed while they write, and power cuts that keep only what was synced.

    python -m tests.crash --cycles 100                # kill -9 on SQLite
    python -m tests.crash --cycles 100 --postgresql   # and on PostgreSQL
    python -m tests.crash --powercut 40               # power cuts, on SQLite

Each prints its figures and fails where an acknowledged write is lost, or the audit trail is not whole.
"""
