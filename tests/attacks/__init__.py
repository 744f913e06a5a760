"""What an attacker would try, and the test that shows it fail. One Starling is attacked by most of them (``house``).

Elsewhere: who is let in and what a page of another site may do (``tests/integration/gateway/test_front_door.py``), ids
and links of a folder (``tests/integration/mediaservers/test_folder.py``), what a decoder's process may do
(``tests/integration/test_confinement.py``).

SQL, LIKE patterns and huge values in every parameter and body of the API       test_injection
forged cursors                                                                  test_injection
names of playlists, uploads, imports, links and servers that are paths          test_paths
libraries of system folders                                                     test_paths
addresses of the surroundings, redirects, addresses in answers                  test_ssrf
markup in titles, names and errors, on every page and in every answer           test_shown
header injection by the name of a playlist                                      test_shown
terminal codes and markup of the terminal library in what the command line says test_shown
smuggled requests, endless heads, slow heads and bodies, silent crowds          test_http
odd methods and overriding headers, caches, paths out of the page's files       test_http
answers, audio, bodies, imports and exports that inflate or hold millions       test_bombs
deep nesting, huge numbers, names that come twice, entities of XML              test_bombs
sound files that claim to be endless, tags and covers of gigabytes              test_bombs
passwords, tokens and keys in stores, files, logs, answers, exports, processes  test_secrets
lines of a log that nobody wrote, control characters in logs                    test_logs
"""
