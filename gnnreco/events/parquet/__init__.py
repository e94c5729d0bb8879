"""Native Parquet of events and of jets, its reader and writer."""
