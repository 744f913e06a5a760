"""The door of the gateway: who a request is from, how often somebody may try, and how the first owner is made."""
