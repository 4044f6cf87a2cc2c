"""Operations: health, the API's index, the audit, developer options, media files, and what no area has."""
