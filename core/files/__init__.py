"""Uploaded files: images, and where files are kept."""
