-- Bills, for printing. docs/api/vendor.md#paper-of-a-bill

-- name: get_bill(vendor_id, id) -> row
-- A bill, and the key of the vendor's logo.
SELECT document::text AS document, v.logo
  FROM vendor.bill b JOIN vendor.vendor v ON v.id = b.vendor_id CROSS JOIN LATERAL vendor.bill_json(b, v.business_name, NULL) AS document
 WHERE b.vendor_id = $1::uuid AND b.id = $2::uuid;
