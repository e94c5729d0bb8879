"""Files that are made for event displays: `.ig` of CMS, JSON of Phoenix and of the Open Data Detector."""
