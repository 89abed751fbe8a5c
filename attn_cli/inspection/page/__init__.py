"""One HTML file with a model that runs in it: no server, no network, no build step."""
