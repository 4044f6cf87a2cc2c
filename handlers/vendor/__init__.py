"""Vendors, who bill with the mobile app. docs/api/vendor.md."""
