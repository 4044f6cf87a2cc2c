"""Operations: health checks, the index, the audit, developer options, media files, static files, and unknown paths.

docs/api/operations.md.
"""
