-- Where TimescaleDB is there (any edition): chunks of a day for the readings.
SELECT create_hypertable(
    'reading', by_range('time', INTERVAL '1 day'), create_default_indexes => false, migrate_data => true
);
