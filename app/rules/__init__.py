"""The rule language: standard library only, no I/O, no clock.

Read it in this order: truth, calendar, facts, tree, protocol, evaluate, finding, traits, memory,
verdict, explain, report; then participant (input), codec (plain data), check (lint of a protocol), and, for the
interview, domain, ways, board, search and ask.
"""
