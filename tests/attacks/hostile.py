"""What an attacker writes where a name belongs."""

from __future__ import annotations

MARKUP = (
    "<script>window.attacked=1</script><img src=x onerror=window.attacked=2>"
    '"><svg/onload=window.attacked=3> javascript:window.attacked=4 {{window.attacked=5}} ${window.attacked=6} &lt;b&gt;'
)
"""Runs in a page that takes a name for markup or a template, and shows as it is in one that does not."""
TERMINAL = "\x1b[31mred \x1b]0;owned\x07 \x9b2J [red]rich[/red] [link=http://evil.example]here[/link] :boom:"
"""Colours, titles and clears a terminal; and the markup of the library that draws on ours."""
FAKE_LINES = (
    "quiet\n2026-01-01T00:00:00Z [info     ] signed_in user=admin\r\n"
    '{"event": "signed_in", "user": "admin"}\x85\u2028\x0b\x0cend'
)
"""Ends a line of a log, and begins one that nobody wrote; both forms of log, and every sign that ends a line."""
TURNED = "\u202egnp.exe\u2066"
"""Turns what follows around."""

STRINGS = (
    "'; DROP TABLE tracks; --",
    '") UNION SELECT ciphertext FROM secrets --',
    "$1 %s {0} \\'",
    "'||pg_sleep(30)||'",
    "a\x00b",
    "\ud800",
    "\U0010ffff\ufeff\u202e",
    "../../../etc/passwd",
    "3000000000",
    "9" * 400,
    "x" * 5000,
)
"""What makes SQL, integers, paths and encodings stumble."""
