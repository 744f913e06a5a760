"""``starling export`` and ``starling import``: everything that cannot be rebuilt, in one file."""
