"""PDFs: fonts of many scripts, text that is measured and wrapped, rows and pages."""
