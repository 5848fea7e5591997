"""Reports: what risk officers read, and the same numbers for other programs."""

from reports.publishing import Publication, publish
from reports.site.index import write_index

__all__ = ["Publication", "publish", "write_index"]
