"""What the clusterer and the coordinator both know of a clustering: how its search goes on."""
