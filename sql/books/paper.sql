-- Quotes and invoices as papers show them. docs/api/books.md#papers
--
-- A paper is {kind, document, client, company}: the document of the API, the addressee, and the letterhead. The handlers print its amounts
-- as they are. logo: the key of a file.

-- name: get_quote(owner_id, id) -> value
SELECT json_build_object('kind', 'quote', 'document', books.quote_document(q, c.name, NULL), 'client', books.addressee(c),
                         'company', letterhead)::text
  FROM books.quote q JOIN books.client c ON c.owner_id = q.owner_id AND c.id = q.client_id
 CROSS JOIN LATERAL books.letterhead(q.owner_id) AS letterhead
 WHERE q.owner_id = $1 AND q.id = $2;

-- name: get_invoice(owner_id, id) -> value
SELECT json_build_object('kind', 'invoice', 'document', document, 'client', books.addressee(c), 'company', letterhead)::text
  FROM books.invoice i JOIN books.client c ON c.owner_id = i.owner_id AND c.id = i.client_id
 CROSS JOIN LATERAL books.invoice_document(i, c.name) AS document CROSS JOIN LATERAL books.letterhead(i.owner_id) AS letterhead
 WHERE i.owner_id = $1 AND i.id = $2;

-- name: preview(owner_id, kind, body) -> row
-- A quote or an invoice that isn't stored: its sums, and its paper as a draft without number. Somebody is still typing: lines without
-- description, price or quantity are left out, and an empty date or client counts as not sent. has_client: false, the body names a client that
-- the owner doesn't have.
WITH sent AS (
    SELECT b.*, round(nullif(b.tax_rate, '')::numeric, 4) AS rate, p.terms, p.days FROM jsonb_to_record($3::jsonb) AS b (
           client text, issue_date text, expiry_date text, due_date text, title text, notes text, tax_rate text, tax_amount text)
     CROSS JOIN LATERAL (
           SELECT CASE $2::text WHEN 'quote' THEN quote_terms ELSE invoice_terms END AS terms,
                  CASE $2::text WHEN 'quote' THEN quote_days ELSE invoice_days END AS days
             FROM books.preference($1)) p
), priced AS (
    SELECT l.line_items, l.subtotal, sent.rate,
           books.tax_of(l.subtotal, sent.rate, nullif(sent.tax_amount, '')::numeric) AS tax
      FROM sent CROSS JOIN LATERAL books.priced_lines((
           SELECT jsonb_agg(jsonb_build_object('description', item ->> 'description', 'quantity', quantity, 'unit_price', unit_price) ORDER BY place)
             FROM jsonb_array_elements(CASE WHEN $3::jsonb -> 'line_items' <> 'null' THEN $3::jsonb -> 'line_items' END) WITH ORDINALITY AS line (item, place)
            CROSS JOIN LATERAL (
                  SELECT round(nullif(coalesce(item ->> 'quantity', '1'), '')::numeric, 2) AS quantity,
                         round(nullif(item ->> 'unit_price', '')::numeric, 2) AS unit_price) n
            WHERE core.trimmed(item ->> 'description') <> '' AND quantity > 0 AND unit_price > 0)) l
), dated AS (
    SELECT issue_date, coalesce(nullif(CASE $2::text WHEN 'quote' THEN expiry_date ELSE due_date END, '')::date, books.days_after(issue_date, days)) AS until
      FROM (SELECT coalesce(nullif(sent.issue_date, '')::date, books.today()) AS issue_date, sent.expiry_date, sent.due_date, days FROM sent) d
)
SELECT sent.client IS NULL OR sent.client = '' OR c.id IS NOT NULL AS has_client, priced.subtotal + priced.tax <= 99999999.99 AS fits,
       json_build_object('line_items', priced.line_items, 'subtotal', round(priced.subtotal, 2)::text, 'tax_amount', priced.tax::text,
                         'total_amount', (priced.subtotal + priced.tax)::text)::text AS sums,
       json_build_object(
           'kind', $2::text, 'client', CASE WHEN c.id IS NOT NULL THEN books.addressee(c) END, 'company', letterhead,
           'document', json_build_object(
               'status', 'draft', 'issue_date', dated.issue_date, 'expiry_date', dated.until, 'due_date', dated.until,
               'title', coalesce(core.trimmed(sent.title), ''), 'line_items', priced.line_items, 'subtotal', round(priced.subtotal, 2)::text,
               'tax_rate', sent.rate::text, 'tax_amount', priced.tax::text, 'total_amount', (priced.subtotal + priced.tax)::text,
               'terms', CASE WHEN $3::jsonb ? 'terms' THEN coalesce(core.trimmed($3::jsonb ->> 'terms'), '') ELSE sent.terms END,
               'notes', coalesce(core.trimmed(sent.notes), '')))::text AS paper
  FROM sent CROSS JOIN priced CROSS JOIN dated CROSS JOIN LATERAL books.letterhead($1) AS letterhead
  LEFT JOIN books.client c ON c.owner_id = $1 AND c.id = nullif(sent.client, '')::numeric::bigint;
