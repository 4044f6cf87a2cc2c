"""Documents of bills, as GET /backup/bills/{id}/ shows them, and reading what is printed of them."""

import io
import re

import pypdf

from handlers.vendor.bill_paper import PAPERS, paper

MADE = "2024-01-01T10:00:00.000000Z"


def line(name="Product A", **more):
    """A line with 18% of GST."""
    return {
        "id": "b3a7b1f2-0000-4000-8000-000000000001",
        "bill": "770e8400-e29b-41d4-a716-446655440000",
        "item": None,
        "original_item_id": None,
        "item_id": None,
        "item_name": name,
        "item_description": None,
        "price": "100.00",
        "mrp_price": "100.00",
        "price_type": "exclusive",
        "quantity": "2.000",
        "subtotal": "200.00",
        "gst_percentage": "18.00",
        "item_gst_amount": "36.00",
        "veg_nonveg": "veg",
        "additional_discount": "0.00",
        "discount_amount": "0.00",
        "unit": "pcs",
        "batch_number": None,
        "expiry_date": None,
        "created_at": MADE,
        **more,
    }


def bill(*lines, **more):
    """The GST bill of the vendor document."""
    lines = lines or (line(),)
    return {
        "id": "770e8400-e29b-41d4-a716-446655440000",
        "vendor": "550e8400-e29b-41d4-a716-446655440010",
        "vendor_name": "ABC Store",
        "device_id": "device-001",
        "invoice_number": "INV-2024-001",
        "bill_number": "BN-2024-001",
        "bill_date": "2024-01-31",
        "restaurant_name": "ABC Restaurant",
        "address": "123 Main St, City, State",
        "gstin": "29ABCDE1234F1Z5",
        "fssai_license": "12345678901234",
        "logo_url": None,
        "footer_note": "Thank you for visiting!",
        "customer_name": None,
        "customer_phone": None,
        "customer_email": None,
        "customer_address": None,
        "billing_mode": "gst",
        "subtotal": "200.00",
        "total_amount": "236.00",
        "total_tax": "36.00",
        "cgst_amount": "18.00",
        "sgst_amount": "18.00",
        "igst_amount": "0.00",
        "payment_mode": "cash",
        "payment_reference": None,
        "amount_paid": None,
        "change_amount": "0.00",
        "discount_amount": "0.00",
        "discount_percentage": "0.00",
        "notes": None,
        "table_number": None,
        "waiter_name": None,
        "items": list(lines),
        "item_count": len(lines),
        "total_quantity": 2.0,
        "created_at": MADE,
        "synced_at": MADE,
        "updated_at": MADE,
        **more,
    }


def pages(data):
    return pypdf.PdfReader(io.BytesIO(data), strict=True).pages


def rows(found, name="80"):
    """The rows of a bill on a paper, each with single blanks."""
    text = "\n".join(page.extract_text(extraction_mode="layout") for page in pages(paper(found, PAPERS[name])))
    return [" ".join(row.split()) for row in text.splitlines() if row.strip()]


def copied(data):
    """The texts of joined letters, as who copies them gets them."""
    found = [
        bytes.fromhex(digits.decode()).decode("utf-16-be")
        for page in pages(data)
        for digits in re.findall(rb"/ActualText <FEFF([0-9A-F]+)>", page.get_contents().get_data())
    ]
    return found
