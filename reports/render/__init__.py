"""How a report is drawn: HTML, charts, maps, PDF."""
