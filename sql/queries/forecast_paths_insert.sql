-- Scenarios of one issue, one row a path; what has been stored once stays as it was.
INSERT INTO forecast_path (site_id, target, step_s, model, issued_at, path, values_w)
SELECT
    %(site)s,
    %(target)s,
    %(step_s)s,
    %(model)s,
    %(issued_at)s,
    n.path,
    (%(values_w)s::DOUBLE PRECISION[])[n.path * %(steps)s + 1:(n.path + 1) * %(steps)s] AS values_w
FROM generate_series(0, %(count)s - 1) AS n (path)
ON CONFLICT (site_id, target, step_s, model, issued_at, path) DO NOTHING
