-- What categories and items have in common: their state, their tombstones and their events. docs/api/vendor.md#catalogue

-- name: next_position(vendor_id) -> row
-- The first statement of every transaction that writes the catalogue: the ones that follow see all that was committed before.
SELECT h.position, h.changed_at FROM vendor.next_position($1::uuid, 'catalogue') h;

-- name: get_state(vendor_id) -> value
-- What every list of the catalogue depends on.
SELECT concat_ws('.', h.position, core.microseconds(h.changed_at), g.position, core.microseconds(g.changed_at), md5(v.business_name))
  FROM vendor.vendor v CROSS JOIN vendor.global_head g LEFT JOIN vendor.head h ON h.vendor_id = v.id AND h.kind = 'catalogue'
 WHERE v.id = $1::uuid;

-- name: bury(vendor_id, kind, ids, client_times, position, deleted_at) -> none
-- Tombstones for deleted rows. Of one that is deleted again the later time counts.
INSERT INTO vendor.tombstone AS t (vendor_id, kind, id, client_time, deleted_at, position)
SELECT $1::uuid, $2, gone.id, gone.client_time, $6::timestamptz, $5::bigint FROM unnest($3::uuid[], $4::timestamptz[]) AS gone (id, client_time)
    ON CONFLICT (vendor_id, kind, id)
       DO UPDATE SET client_time = greatest(t.client_time, EXCLUDED.client_time), deleted_at = EXCLUDED.deleted_at, position = EXCLUDED.position;

-- name: unbury(vendor_id, kind, ids) -> none
-- For rows that exist again.
DELETE FROM vendor.tombstone t WHERE t.vendor_id = $1::uuid AND t.kind = $2 AND t.id = ANY ($3::uuid[]);

-- name: announce(vendor_id, kind, changed, deleted, position) -> none
-- One event for all rows of a change: a batch of a thousand costs the streams little more than one. Only the vendor's own streams get it, by
-- the tag.
INSERT INTO core.event (topic, payload, tags)
VALUES ('vendor.catalogue', vendor.catalogue_changed($2, $3::uuid[], $4::uuid[], $5::bigint, false), ARRAY[$1::uuid::text]);

-- name: note_sync(kind, position, counts, actor) -> row
-- One entry of the audit for a whole batch.
SELECT operations.note($4::jsonb, $1 || '.sync', $1, $2::bigint::text, NULL, $3::jsonb);

-- name: forget_tombstones(days, most) -> value
-- Removes old tombstones, at most so many, and remembers how far each vendor's are gone; returns their number.
WITH gone AS (
    DELETE FROM vendor.tombstone t
     WHERE (t.vendor_id, t.kind, t.id) IN (
           SELECT o.vendor_id, o.kind, o.id FROM vendor.tombstone o WHERE o.deleted_at < now() - make_interval(days => $1::integer)
            ORDER BY o.deleted_at LIMIT $2::bigint FOR UPDATE SKIP LOCKED)
    RETURNING t.vendor_id, t.position
), noted AS (
    INSERT INTO vendor.forgotten AS f (vendor_id, position)
    SELECT gone.vendor_id, max(gone.position) FROM gone GROUP BY gone.vendor_id ORDER BY gone.vendor_id
        ON CONFLICT (vendor_id) DO UPDATE SET position = greatest(f.position, EXCLUDED.position)
)
SELECT count(*) FROM gone;

-- name: forget_global_tombstones(days) -> none
WITH gone AS (
    DELETE FROM vendor.global_tombstone t WHERE t.deleted_at < now() - make_interval(days => $1::integer) RETURNING t.position
)
UPDATE vendor.global_head h SET forgotten = greatest(h.forgotten, last.position)
  FROM (SELECT max(gone.position) AS position FROM gone) last WHERE last.position IS NOT NULL;

-- name: list_changes(vendor_id, position, rank, id, global_position, base, global_base, most) -> rows
-- What has changed after a token, in the order of the commits: first of the global categories, then of the vendor's own rows. Of the rows of one
-- batch, which have one position, categories come first (rank 0), then items (1), then tombstones (2), each by id. base, global_base: from where
-- on tombstones count, because a device that begins has nothing that was deleted before. At least one row: it has the heads of both
-- orders, and how far tombstones are gone; without changes its other columns are null.
WITH heads AS MATERIALIZED (
    SELECT coalesce(h.position, 0) AS head, coalesce(f.position, 0) AS forgotten, g.position AS global_head, g.forgotten AS global_forgotten,
           v.business_name
      FROM vendor.global_head g LEFT JOIN vendor.vendor v ON v.id = $1::uuid
           LEFT JOIN vendor.head h ON h.vendor_id = $1 AND h.kind = 'catalogue'
           LEFT JOIN vendor.forgotten f ON f.vendor_id = $1
), page AS MATERIALIZED (
    SELECT p.is_own, p.position, p.rank, p.id, p.kind, p.deleted_at
      FROM ((SELECT false AS is_own, g.position, 0 AS rank, g.id, 'category' AS kind, NULL::timestamptz AS deleted_at
               FROM vendor.global_category g WHERE g.position > $5::bigint ORDER BY g.position LIMIT $8::bigint)
            UNION ALL
            (SELECT false, t.position, 2, t.id, 'category', t.deleted_at
               FROM vendor.global_tombstone t WHERE t.position > greatest($5, $7::bigint) ORDER BY t.position LIMIT $8)
            UNION ALL
            (SELECT true, c.position, 0, c.id, 'category', NULL
               FROM vendor.category c
              WHERE c.vendor_id = $1 AND c.position >= $2::bigint AND (c.position, 0, c.id) > ($2, $3::integer, $4::uuid)
              ORDER BY c.position, c.id LIMIT $8)
            UNION ALL
            (SELECT true, i.position, 1, i.id, 'item', NULL
               FROM vendor.item i
              WHERE i.vendor_id = $1 AND i.position >= $2 AND (i.position, 1, i.id) > ($2, $3, $4)
              ORDER BY i.position, i.id LIMIT $8)
            UNION ALL
            (SELECT true, t.position, 2, t.id, t.kind, t.deleted_at
               FROM vendor.tombstone t
              WHERE t.vendor_id = $1 AND t.position >= $2 AND (t.position, 2, t.id) > ($2, $3, $4) AND t.position > $6::bigint
              ORDER BY t.position, t.id LIMIT $8)) p
     ORDER BY p.is_own, p.position, p.rank, p.id LIMIT $8
)
SELECT heads.head, heads.forgotten, heads.global_head, heads.global_forgotten, p.is_own, p.position, p.rank, p.id::text AS id, p.kind,
       CASE WHEN p.rank = 2 THEN json_build_object('kind', p.kind, 'id', p.id, 'deleted_at', core.iso(p.deleted_at))::text
            WHEN p.rank = 1 THEN (SELECT document::text
                                    FROM vendor.item i CROSS JOIN LATERAL vendor.item_json(i, heads.business_name) AS document
                                   WHERE i.vendor_id = $1 AND i.id = p.id)
            WHEN p.is_own THEN (SELECT vendor.category_document(c)::text FROM vendor.category c WHERE c.vendor_id = $1 AND c.id = p.id)
            ELSE (SELECT vendor.global_category_document(g, $1)::text FROM vendor.global_category g WHERE g.id = p.id)
        END AS document
  FROM heads LEFT JOIN page p ON true
 ORDER BY p.is_own, p.position, p.rank, p.id;
