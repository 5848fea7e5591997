"""Reports: what risk officers read, and the same numbers for other programs."""

from reports.publishing import Publication, publish
from reports.site.actions import write_actions
from reports.site.data_quality import write_data_quality
from reports.site.index import write_index
from reports.site.track_record import Kept, write_track_record
from reports.site.triggers import write_triggers

__all__ = [
    "Kept",
    "Publication",
    "publish",
    "write_actions",
    "write_data_quality",
    "write_index",
    "write_track_record",
    "write_triggers",
]
