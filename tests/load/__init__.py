"""Everything at once for a while: analysis, fifty clients, and one rebuild after the other.

``python -m tests.load --minutes 10`` starts an instance of its own and ends with what it saw, or with what broke: an
answer that was no success, memory that grew, a projector that fell behind. Not part of ``make test``.
"""
