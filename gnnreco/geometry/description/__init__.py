"""From `detector.yaml` and its tables to a `Detector`, and first descriptions to edit."""
