"""The live page of `natkeeper status --serve`: what status shows, in a browser of this machine; it only reads."""
