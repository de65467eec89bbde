"""The web: pages for people, the JSON API for programs, one flow for both.

request -> answers -> evaluate -> present -> page or JSON. Nothing in here decides anything about a
participant.
"""
