-- Whether the dashboards work. docs/api/dashboard.md#health

-- name: check(owner_id) -> row
-- snapshots: of the owner. has_bounds: the functions of periods agree about today. is_built: the owner's figures are added up.
SELECT (SELECT count(*) FROM dashboard.snapshot s WHERE s.owner_id = $1) AS snapshots,
       NOT EXISTS (SELECT FROM dashboard.unbuilt u WHERE u.owner_id = $1) AS is_built,
       bool_and(p.period_start = dashboard.period_start(p.period_type, books.today())
                AND books.today() BETWEEN p.period_start AND dashboard.period_end(p.period_type, p.period_start)) AS has_bounds
  FROM dashboard.periods(books.today()) p;
