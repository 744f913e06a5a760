"""Requests that are made up from the OpenAPI document, well-formed and not, against a real gateway.

No answer may be a fault of ours (5xx), or be something that the document does not describe. ``make test`` tries a few
of every operation; ``python -m tests.fuzzing --cases 3000`` tries as many as you like, with other ones at each seed.
"""
