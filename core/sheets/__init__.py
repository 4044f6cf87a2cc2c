"""Tables as files of spreadsheets: written and read as CSV and as XLSX."""
