"""What was trained, put to use: a weights file, which says all that is needed, classifies recordings and streams."""
