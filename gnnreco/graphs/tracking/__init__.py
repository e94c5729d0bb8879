"""Hits of trackers as graphs: doublets are nodes, triplets are edges."""
