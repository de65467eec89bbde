"""Where things are kept: trials, protocols, screenings, answers and events, in SQLite or PostgreSQL.

`db` opens the database and holds the one commit, `models` are the tables, `rows` turns a protocol
into rows and back, `queries` reads. What changes state stands in `app.actions`.
"""
