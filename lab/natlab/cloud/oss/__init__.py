"""Object Storage Service: as much of it as a deployment needs, a place to put code."""
