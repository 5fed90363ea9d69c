-- One promotion of a task at a time, to the end of the transaction.
SELECT
    pg_advisory_xact_lock(
        hashtextextended(
            concat_ws('/', 'forecast', %(site)s::TEXT, %(target)s::TEXT, %(step_s)s::TEXT, %(model)s::TEXT), 0
        )
    )
