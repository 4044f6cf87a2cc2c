"""Reports: tables, figures and charts as one file, CSV, XLSX or PDF, written by a process of its own."""
