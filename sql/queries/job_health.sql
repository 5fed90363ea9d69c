-- The newest run of every job.
SELECT DISTINCT ON (j.job)
    j.job,
    j.started_at,
    j.ended_at,
    j.state,
    j.detail
FROM job_run AS j
ORDER BY j.job ASC, j.started_at DESC, j.job_run_id DESC
