"""What other programs read: tables, GeoJSON, NetCDF, CAP alerts."""
