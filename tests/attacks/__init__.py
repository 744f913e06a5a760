"""What an attacker would try, and the test that shows it fail. One Starling is attacked by all of them (``house``).

SQL, LIKE patterns and huge values in every parameter and body of the API       test_injection
forged cursors                                                                  test_injection
lines of a log that nobody wrote, control characters in logs                    test_logs
"""
