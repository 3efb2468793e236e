"""Numbers of finished runs -> tables, plots' data and figures; knows files and statistics, no model."""
