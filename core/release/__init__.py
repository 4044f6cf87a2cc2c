"""Makes tradepost.pyz, the program in one file. Nothing of it runs on a server but start.py."""
