"""Which run of a weather model may be used on an issue day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from configs import Region


@dataclass(frozen=True)
class RunTimes:
    """When a model's runs begin and when they are usable.

    ``region`` gives the issue time. ``hour``: of the run that is used, UTC; ``delay``: hours until
    it is usable; ``every``: hours from one run to the next; ``offset``: hours of standard time.
    """

    region: Region
    hour: int
    delay: int
    every: int
    offset: float

    def latest(self, day: date) -> datetime:
        """The last moment at which what is used on an issue day may have been initialised."""
        return self.region.issue_time(day).astimezone(UTC) - timedelta(hours=self.delay)

    def usable(self, initialised: datetime, day: date) -> bool:
        """Whether what was initialised then may be used on an issue day."""
        return initialised <= self.latest(day)

    def run_for(self, day: date) -> datetime:
        """The newest run usable on an issue day."""
        run = datetime.combine(day + timedelta(days=1), time(self.hour), UTC)
        while not self.usable(run, day):
            run -= timedelta(days=1)
        return run

    def day_start(self, day: date) -> datetime:
        """The first moment of a standard day, UTC."""
        return datetime.combine(day, time(), UTC) - timedelta(hours=self.offset)

    def age_for(self, lead: int, day: date) -> int:
        """Which previous_day of the hours of day + lead is old enough for all of them.

        It is lead + 1, and more where issues are early. previous_dayN of an hour is of the newest
        run initialised N x 24 hours or more before it.
        """
        age, last = lead + 1, self.day_start(day + timedelta(days=lead)) + timedelta(hours=23)
        while not self.usable(self.run_before(last - timedelta(days=age)), day):
            age += 1
        return age

    def run_before(self, moment: datetime) -> datetime:
        """When the newest run of a moment was initialised."""
        return moment.replace(hour=moment.hour - moment.hour % self.every, minute=0, second=0)
