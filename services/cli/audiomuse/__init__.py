"""``starling import-audiomuse``: analyses and playlists out of AudioMuse-AI's database."""
