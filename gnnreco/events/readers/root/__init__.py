"""ROOT files: how they are opened and read, and ntuples of the HGCAL."""
