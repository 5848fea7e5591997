"""Reports: what risk officers read, and the same numbers for other programs."""

from reports.publishing import Publication, publish
from reports.site.data_quality import write_data_quality
from reports.site.index import write_index

__all__ = ["Publication", "publish", "write_data_quality", "write_index"]
