"""Every message that the packages send to readers: its code and its English text.

The code is <topic>.<what>. A text without its own sentence stands inside of another one. The same
text is the key of its translations in reports/text/translations/*.po.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Plural(NamedTuple):
    """A text in two forms: of one thing, and of any other number ``{n}`` of them."""

    one: str
    other: str


ENGLISH = "english"
"""Code of a text that comes in English alone, such as what a service answers."""

WORDS = frozenset({"hazard", "hazards", "other", "title", "unit", "variable"})
"""Names of values that are words, which a catalogue may translate. Other texts are names."""

_FORECAST: dict[str, str | Plural] = {
    "forecast.climatology": "{hazard}: no model could be used, so the calendar's chances since "
    "{year} stand.",
    "forecast.state_unknown": "{hazard}: the state on the issue day is not known at {places}, so "
    "the calendar's chances stand there.",
    "forecast.late": Plural(
        "{hazard}: the newest value is late at {places}, so what was known {n} day before stands "
        "there.",
        "{hazard}: the newest value is late at {places}, so what was known {n} days before stands "
        "there.",
    ),
    "forecast.weather_missing": "{hazard}: no weather forecast could be used at {places} for "
    "{cells}; the chances there use past observations alone.",
    "forecast.weather_used": "{hazard}: the chances of {cells} use weather forecasts; all others "
    "use past observations alone.",
    "forecast.hazard": "{hazard}: {reason}.",
    "forecast.issued_late": "Issued late, on {day}: no run made it on its own day. It uses only "
    "what was known that morning, and is never graded as timely.",
    "forecast.never_issued": "No report was issued from {first} to {last} (days: {n}): too many "
    "days were missed.",
    "forecast.not_caught_up": "The missed report of {day} could not be made: {reason}.",
    "run.part_bug": "an error of the program stopped it ({kind} in {place}); its operator finds "
    "more under run {run}",
    "run.part_hangs": "it took too long and was stopped",
    "forecast.hindcast": "This hindcast uses models trained on the record until {day}, after its "
    "issue day: it shows what they would say, not how good they are.",
    "cells.days": "days {days} ahead",
    "cells.days_window": "days {days} ahead, any of the next {a} days",
    "cells.days_windows": "days {days} ahead, any of the next {a} days, any of the next {b} days",
    "cells.span": "days {first} to {last} ahead",
    "cells.span_window": "days {first} to {last} ahead, any of the next {a} days",
    "cells.span_windows": "days {first} to {last} ahead, any of the next {a} days, any of the next "
    "{b} days",
    "cells.window": "any of the next {a} days",
    "cells.windows": "any of the next {a} days, any of the next {b} days",
    "cells.list": "{cells}",
}
"""On a forecast and the cells of it."""

_RECORD: dict[str, str | Plural] = {
    "record.stale": Plural(
        "The newest observation is of {day}, {n} day older than it should be; see why the sources "
        "deliver nothing newer.",
        "The newest observation is of {day}, {n} days older than it should be; see why the sources "
        "deliver nothing newer.",
    ),
    "record.revised": Plural(
        "{source}: values of {n} day were revised, {first} to {last}.",
        "{source}: values of {n} days were revised, {first} to {last}.",
    ),
    "stored.same": "The same as the published report, byte for byte.",
    "stored.noted": "The published report has a note, which is no part of what was stored and is "
    "left out.",
    "stored.retracted": "The published report was retracted ({reason}), which is no part of what "
    "was stored and is left out.",
    "stored.differs": "Other than the published report in {files}.",
    "boundaries.left_out": "Maps and alerts are without outlines ({reason}).",
    "boundaries.left_out_several": Plural(
        "Maps and alerts are without outlines ({reason}; {n} other place lies outside too).",
        "Maps and alerts are without outlines ({reason}; {n} other places lie outside too).",
    ),
    "boundaries.outside": "boundaries {file}: location {place} ({latitude}, {longitude}) lies "
    "outside of its polygon by {km} km, expected inside of it; mend the boundaries or the "
    "location's coordinates.",
    "boundaries.swapped": "boundaries {file}: location {place} ({latitude}, {longitude}) lies "
    "outside of its polygon by {km} km, expected inside of it; swap them in the file, GeoJSON "
    "coordinates are longitude, latitude.",
    "record.withheld": Plural(
        "{n} cell broke the contract and is withheld; data/quarantine lists it.",
        "{n} cells broke the contract and are withheld; data/quarantine lists them.",
    ),
    "record.checked": "The record was held against the data contract: {passed} values passed, "
    "{withheld} are withheld, {flagged} are in doubt.",
    "record.newest_withheld": "The newest days of {variables} are withheld at {places}; what is "
    "said there rests on older days.",
    "record.without": "the record has no {variable}",
    "record.without_two": "the record has no {variable} and no {other}",
    "record.and_without": "{variable} and no {other}",
    "record.short": "region {region}: the record holds {years} years, a backtest needs {least}; "
    "add earlier years to its sources.",
    "record.gaps": "region {region}: no test year of the record has {share} of its {hazard} days "
    "observed; fill the gaps.",
    "record.not_assessed": "not assessed: the record is too short for a backtest",
    "record.no_value": "there is no value",
    "river.dry": "the river has no flow in {n} of {years} "
    "years, so that no return level can be told",
    "river.low": "the return level of {level} m³/s is not above the river's usual flow",
    "rain.none": "the rain that is exceeded once in 2 years "
    "is none, so that no severity can be told",
    "record.unfit": "{hazard} is not assessed at {place}: {reason}.",
    "index.undefined": "{title}; undefined at some time of the year, {reason}",
    "index.few": "fewer than 4 values",
    "index.zeros": "more than half of the sums are zero",
    "index.alike": "all values are alike",
}
"""On what was observed, and what it is enough for."""

_MODELS: dict[str, str | Plural] = {
    "model.unusable": "The {hazard} model of {region} could not be loaded, {broken}; {instead} is "
    "used instead; run climate-risk train {region}.",
    "model.climatology": "what the calendar knows",
    "model.version": "version {version}",
    "model.broken": "version {version} ({reason})",
    "model.file_missing": "{file} is missing",
    "model.file_changed": "{file} is not what was registered",
    "model.file_other": "{file} is not the one that was registered",
    "model.none": "There is no model of {hazards}: {reason}.",
    "model.train": "train it with climate-risk train {region}",
}
"""On trained models."""

_WEATHER: dict[str, str | Plural] = {
    "weather.left_out": "Forecasts of {variable}, {leads}, {where}, are left out: {reason}.",
    "weather.lead": "lead {lead}",
    "weather.leads": "leads {days}",
    "weather.places": "at {places}",
    "weather.many_places": "at {n} places",
    "weather.never": "there is no value",
    "weather.no_longer": "there is no value in the last {n} runs",
    "weather.constant": "they never change",
    "weather.unit": "they seem to be in {unit}",
    "weather.too_far": "they are too far from what is observed, in another unit it seems",
    "weather.far_more": "they are far more than what is observed, in another unit it seems",
    "weather.far_less": "they are far less than what is observed, in another unit it seems",
    "weather.day_before": "they tell of the day before better than of their own",
    "weather.day_after": "they tell of the day after better than of their own",
    "weather.few_days": "there are {n} days of them with observations since {day}, {least} are "
    "needed",
    "weather.thin_season": "there are {n} days of them with observations near this time of year, "
    "{least} are needed",
    "weather.new_model": "the forecast model changed on {day} and there are {n} days of the new "
    "one with observations, {least} are needed",
}
"""On weather forecasts that are not used, and the reasons, each of which ends a sentence."""

_SOURCES: dict[str, str | Plural] = {
    "source.down": "{source} is down ({reason}); what was stored before is used.",
    "source.unusable": "{source} could not be used ({reason}); what was stored before is used.",
    "source.answer": "{source}: asked {host} for {what}; found {found}; {cure}.",
    "files.left_out": "{source}: {reason}; what was stored before stands in the place of the new "
    "rows of that file.",
    "readings.bad_quality": "{source}: {variable} of {place} ({where}): readings left out for "
    "their resultQuality: {n}; data/quality lists them.",
    "readings.stray": "{source}: readings left out for their time: {n}, such as {example}; have "
    "them mended there.",
    "readings.two_values": "{source}: readings left out for two values at one instant: {n}, such "
    "as {example}; take one out there, or choose one sensor a place.",
    "readings.clock": "{source}: readings left out for an hour that clocks repeat or skip in "
    "{zone}: {n}, such as {example}; give times with their zone.",
    "readings.counter": "{source}: {variable} of {place} only rises and falls back to "
    "0, as a counter does; its days are withheld, write {option} under its options in the region "
    "file.",
    "readings.cumulative": "{source}: {variable} of {place} never falls, as a total "
    "that is never reset; its days are withheld, write {option} under its options in the region "
    "file.",
    "readings.rolling": "{source}: {variable} of {place} falls by what it rose a day before, as a "
    "sum over the last 24 hours; its days are withheld, read what falls in each interval, or since "
    "midnight.",
    "readings.events": "{source}: {variable} of {place} comes now and then and never as "
    "0, as of a bucket that tips; its days are withheld, write {option} under its options in the "
    "region file.",
    "readings.silent": "{source}: {variable} of {place} sent nothing, and no other stream of the "
    "place did (days: {n}, the first {first}): they are missing and not dry; see whether the gauge "
    "is alive.",
    "readings.silent_alone": "{source}: {variable} of {place} sent nothing, and no reading near "
    "enough tells that the gauge was alive (days: {n}, the first {first}): they are missing and "
    "not dry; see to the gauge, or read another stream of the place.",
    "readings.unreadable": "{source}: readings of {of} left out for what stands there: {n}, such "
    "as {example}; have them mended there.",
    "platform.refused": "{n} of them refused, such as {example}",
    "platform.lost": "that what was made is not there",
    "platform.endless": "no end of it after {seconds} s",
    "http.post_redirect": "a redirect, which is not followed",
    "cure.check_service": "check the service",
    "cure.check_broker": "check them with who runs the broker",
    "cure.again": "run it again: what is there stays",
    "platform.undelivered": "{source} did not take the forecast of {day} ({reason}); the report is "
    "published, run it again to hand it over.",
    "notify.undelivered": "Address {number} of {variable} ({scheme}) did not take the notification "
    "of {day} ({reason}); the report is published, the next run sends it again.",
    "notify.unheard": "Address {number} of {variable} ({scheme}) did not take the notification of "
    "the watch ({reason}); the next watch sends it again.",
    "notify.no_address": "no address that can be used, such as {example}",
    "notify.login": "its user or its password is refused",
    "notify.silent": "no answer in time",
    "notify.failed": "its service could not be used",
    "http.tries": "{found} in {n} tries",
    "http.wait": "{found}, which asks to wait {n} s",
    "http.timeout": "no answer within {seconds} s",
    "http.unreachable": "no connection",
    "http.broken": "a broken connection ({name})",
    "http.cut": "a reply that was cut off",
    "http.status": "HTTP {status}",
    "http.refused": "HTTP {status} ({reason})",
    "http.too_slow": "a reply not complete within {seconds} s",
    "http.redirects": "more than {n} redirects",
    "http.bad_address": "an address that cannot be asked",
    "http.too_large": "more than {n} bytes",
    "http.encoding": "a body encoded as {encoding}, where gzip or nothing was asked for",
    "http.redirect_nowhere": "a redirect to nowhere",
    "http.redirect": "a redirect to {address}, which is not followed",
    "http.page": "a web page where JSON was expected",
    "http.text": "the text {text}",
    "http.not_json": "{n} bytes that are not whole JSON",
    "http.key_twice": "JSON with a key that stands twice",
    "cure.later": "run it again later",
    "cure.network": "check the network and the address, or run it again later",
    "cure.key": "check the key or token in the environment",
    "cure.options": "check the address and the options under source_options in the region file",
    "cure.address": "check the address under source_options in the region file, and that no login "
    "page stands before the service",
    "cure.fewer": "ask for fewer places or days at a time",
    "cure.tell": "nothing was stored; run it again later, and if it stays so tell the project",
    "cure.without": "nothing was stored; the forecast of that day goes without",
    "cure.calls": "what was fetched is kept; run it again tomorrow, or raise `calls` under "
    "source_options if your plan allows it",
    "cure.ngsi_address": "check that the address is an NGSI-LD broker's",
    "cure.sensor_address": "check that the address is a SensorThings service's",
    "cure.id_address": "check the id and the address",
    "cure.broker": "report it to who runs the broker",
    "cure.service": "report it to who runs the service",
    "cure.window": "set a smaller `window_days`",
    "cure.page": "set a later `history_start` or a larger `page`",
    "cure.mend_address": "have its address mended",
    "cure.mend_root": "have its service root URL mended",
    "cure.mend_unit": "have its unitCode mended, or set `units`",
    "cure.mend_time": "have its observedAt mended: a time with Z",
    "cure.mend_zone": "have it mended there, expected a time with its zone",
    "cure.mend": "have it mended there",
    "cure.attribute": "have it mended there, or choose another attribute under `attributes`",
    "cure.numbers": "choose a Datastream of numbers",
    "cure.short": "choose a Datastream of readings for a day or less",
    "cure.datastreams": "choose one under `datastreams`",
    "cure.properties": "name an ObservedProperty of theirs under `properties`",
}
"""On sources and the services they ask."""

_ANSWERS: dict[str, str | Plural] = {
    "answer.about": "{found} (for {places})",
    "answer.without": "no {name}",
    "answer.places": "{n} places where {wanted} were asked for",
    "answer.no_series": "no {part} series",
    "answer.offset": "days of the offset {offset} s where {wanted} s was asked for",
    "answer.far": "the grid point {latitude}, {longitude}, {apart} degrees from the one asked for",
    "answer.no_coordinates": "no coordinates",
    "answer.coordinates": "the coordinates {latitude}, {longitude}",
    "answer.stamps": "stamps that are no dates",
    "answer.stamp_years": "stamps of years that no record holds",
    "answer.stamp_zones": "stamps with a zone or without a date",
    "answer.day_twice": "the day {day} twice",
    "answer.no_day": "no {day}",
    "answer.more_days": "days that were not asked for",
    "answer.too_new": "one of {run} UTC, too new for the issue time, expected {latest} UTC or "
    "before",
    "answer.calls_used": "that this pull's weighted calls are used up",
    "answer.calls_used_to_go": "that this pull's weighted calls are used up with {n} blocks of "
    "history to go",
    "answer.no_units": "no daily series with units",
    "answer.other_unit": "{name} in {given} where {wanted} was expected",
    "answer.point": "the point {latitude}, {longitude} where {wanted} was asked for",
    "answer.series_no_day": "{name} without {day}",
    "answer.series_more_days": "{name} with days that were not asked for",
    "answer.no_numbers": "{name} with values that are no numbers",
    "answer.no_entities": "an answer without entities",
    "answer.no_entity": "no entity in the answer for {path}",
    "answer.no_list": "an answer without a list {name} of entities",
    "answer.link_back": "a next link that leads back",
    "answer.link_away": "a next link to {address}, another host",
    "answer.range_nowhere": "a Content-Range that leads nowhere",
    "answer.range": "the Content-Range {text}",
    "answer.pages": "more than {n} pages",
    "answer.unit_code": "{name} with the unitCode {text}",
    "answer.reading_time": "a reading of {name} at {when}",
    "answer.reading": "{name} {value} at {when}",
    "answer.result": "the result {value} at {when}",
    "answer.phenomenon": "the phenomenonTime {text}",
    "answer.two_streams": "two of {variable}, {one} and {another}",
    "answer.no_property": "none of `properties` among {names}",
    "answer.no_streams": "no Datastream",
    "answer.stream_id": "a Datastream with the @iot.id {text}",
    "sensors.nothing_at": "{source}: found no reading at {address}; check the entities' ids and "
    "`history_start`, or run it later.",
    "sensors.nothing_in": "{source}: found no reading in {n} Datastreams of {address}; check "
    "them, or run it again later.",
    "source.hangs": "{source}: found no end of its pull in {hours} hours, expected one; see "
    "whether the service answers, and run it again later.",
    "database.down": "{source}: asked the database {address}; found {what}; check {option}, or "
    "run it again later.",
    "database.no_file": "{source}: found no file {address}, expected an SQLite database; check "
    "{option}.",
    "answer.asked_unit": "{name} in {given} where {wanted} was asked for",
    "answer.stamp_values": "{name} without a value for each stamp",
    "answer.no_value": "no value at all",
    "answer.hours": "hours that are not those of whole days",
    "answer.no_whole_day": "no whole day from {day} on",
}
"""On what a service or a database answers; ``found`` of "source.answer"."""

_TRAINING: dict[str, str | Plural] = {
    "gate.no_champion": "there was no champion of {model} for this region file and its places",
    "gate.compared": "against version {version}: {difference}",
    "gate.nothing_to_compare": "nothing to compare: the champion has no test day in common with it",
    "gate.not_worse": "accepted, not worse: Brier difference to the champion {mean} [{low}, "
    "{high}] over {n} years",
    "gate.worse": "refused, worse: Brier difference to the champion {mean} [{low}, {high}] over "
    "{n} years",
    "gate.and_live": "{reason}; {live}",
    "gate.live_not_worse": "on the champion's live days not worse: Brier difference {mean} "
    "[{low}, {high}] over {days} issue days",
    "gate.live_worse": "refused, worse on the champion's live days: Brier difference {mean} "
    "[{low}, {high}] over {days} issue days",
    "gate.live_few": "not judged on live days: {days} issue days in common, {events} with an "
    "event, in {blocks} blocks of time; {least}, {least_events} and {least_blocks} are needed",
    "gate.uncommitted": "{reason}; its code has changes that are not committed ({version})",
    "gate.candidate": "registered as a candidate, as asked for; {reason}",
    "gate.held_uncommitted": "{reason}; commit them and train again, or train with --promote-dirty",
    "gate.promoted_uncommitted": "{reason}, promoted all the same as asked for",
    "gate.champion_already": "it is the champion already",
    "train.again": "{hazard}: nothing was learnt anew: version {version} is of the same data, "
    "region file and code",
    "train.held": "{hazard}: version {version} is not the champion: {reason}",
    "train.champion": "{hazard}: version {version} is the champion: {reason}",
}
"""On versions of models, and why one is the champion or is not."""

_MARKS: dict[str, str | Plural] = {
    "marks.closed": "Marks: {graded} graded, {ungradable} cannot be graded, {retracted} retracted; "
    "{open} are open.",
    "marks.lost": Plural(
        "The first report of {n} day is gone, so that nobody can grade it: {days}.",
        "The first reports of {n} days are gone, so that nobody can grade them: {days}.",
    ),
    "marks.below": "{hazard}, level {level}: since the reports began, forecasts of {cells} are "
    "worse than their backtest said (judged on {day}); train again, and look for what changed.",
    "marks.failed": "The report is out, but past forecasts could not be graded: {reason}; run "
    "climate-risk verify {region}.",
}
"""On what came of forecasts."""

_RULES: dict[str, str | Plural] = {
    "rule.fill": "{variable} of {place} is {value} on {n} days from {first} on ({share} % of its "
    "values), far from all others: a fill value that stands for missing; leave missing values "
    "empty.",
    "rule.adding_up": "{variable} of {place} rises without a fall for {n} days from {first} on, "
    "as a counter does; give each day's own sum.",
    "rule.stuck": "{variable} of {place} is {value} on {n} days in a row from {first} on, as of a "
    "sensor that is stuck; see to the sensor.",
    "rule.latitude": "{variable} of {place} is {value} {unit} on {first}, which was never "
    "measured at its latitude ({low} to {high} {unit}; such days: {n}); see to the sensor, or "
    "mend the coordinates.",
    "rule.spike": "{variable} of {place} jumps from {before} to {value} {unit} on {first} and "
    "back to {after}, and no other record does; see to the sensor.",
    "rule.lone_rain": "{variable} of {place} is {value} {unit} on {first}, far beyond all its "
    "other days, while {n} neighbours had {highest} {unit} at most; see to the gauge.",
    "rule.blocked": "{variable} of {place} is 0 on {n} days in a row from {first} on, while "
    "{fell} {unit} fell beside it; see whether the gauge is blocked.",
    "rule.dry_spell": "{variable} of {place} is 0 or missing on {n} days in a row from {first} on, "
    "where {usual} {unit} are usual, which its other years rule out; see whether the gauge is "
    "blocked.",
    "rule.dry_spell_doubt": "{variable} of {place} is 0 or missing on {n} days in a row from "
    "{first} on, where {usual} {unit} are usual; see whether the gauge was blocked.",
    "rule.outstanding_rain": "{variable} of {place} is {value} {unit} on {first}, where the "
    "highest day of a year has {usual} {unit}, and nothing confirms it; see to the gauge.",
    "rule.unit": "{variable} of {place}: its {statistic} is {value}, expected {low} to {high} at "
    "its latitude; check its unit, which must be {unit}.",
    "rule.unit_likely": "{variable} of {place}: its {statistic} is {value}, expected {low} to "
    "{high} {unit} at its latitude; it looks like {likely}.",
    "rule.whole": "{variable} of {place} has whole numbers only; check that they are no tenths, "
    "and give it to a tenth where that is known.",
    "rule.constant": "{variable} of {place} is {value} on {n} of its {count} days; see to the "
    "sensor.",
    "rule.break": "{variable} of {place} breaks on {first}: in a mean year {before} {unit} before "
    "it and {after} {unit} after; find out what changed there, and leave out the years that are "
    "wrong.",
    "rule.copy": "{variable} of {place} is that of {twin} on all its {n} days, though the two lie "
    "apart; check whose record it is.",
    "rule.more": "{rule}: {n} more such cases.",
    "rule.moved": "{place} lies {km} km from where its stored days were measured; give a station "
    "that moved a new id.",
    "rule.clock": "{place}: its longitude {longitude} is {hours} h from the region's time zone; "
    "check its sign, that latitude and longitude are not swapped, and the time zone.",
    "rule.title_range": "Values that cannot be",
    "rule.title_fill": "A code for missing among the values",
    "rule.title_recurs": "An end of the range that recurs",
    "rule.title_adding_up": "A counter instead of days' sums",
    "rule.title_stuck": "A sensor that is stuck",
    "rule.title_latitude": "Values beyond the latitude's",
    "rule.title_spike": "A jump there and back",
    "rule.title_lone_rain": "Rain that no neighbour had",
    "rule.title_blocked": "A gauge that is blocked",
    "rule.title_dry_spell": "A dry spell that cannot be",
    "rule.title_dry_spell_doubt": "A dry spell that is hardly possible",
    "rule.title_outstanding_rain": "Rain far beyond other years'",
    "rule.title_unit": "A doubtful unit",
    "rule.title_whole": "Whole numbers only",
    "rule.title_constant": "A record that never changes",
    "rule.title_break": "A break in the record",
    "rule.title_copy": "One record for two places",
    "statistic.mean": "mean",
    "statistic.yearly_sum": "yearly sum",
    "statistic.highest": "highest value",
    "statistic.wet_share": "share of wet days",
    "statistic.wet_mean": "mean of wet days",
    "statistic.positive_mean": "mean of days above 0",
    "unit.kelvin": "kelvin: subtract 273.15",
    "unit.fahrenheit": "degrees Fahrenheit: subtract 32 and multiply by 5/9",
    "unit.tenths_degree": "tenths of a degree: divide by 10",
    "unit.tenths_fahrenheit": "tenths of a degree Fahrenheit: divide by 10, subtract 32 and "
    "multiply by 5/9",
    "unit.hundredths_degree": "hundredths of a degree: divide by 100",
    "unit.tenths_kelvin": "tenths of a kelvin: divide by 10 and subtract 273.15",
    "unit.tenths_mm": "tenths of a mm: divide by 10",
    "unit.hundredths_inch": "hundredths of an inch: multiply by 0.254",
    "unit.inches": "inches: multiply by 25.4",
    "unit.metres": "metres: multiply by 1000",
    "unit.rate": "kg m-2 s-1: multiply by 86400",
    "unit.km_h": "km/h: divide by 3.6",
    "unit.knots": "knots: multiply by 0.5144",
    "unit.mph": "miles an hour: multiply by 0.447",
    "unit.tenths_speed": "tenths of m s-1: divide by 10",
    "unit.fraction": "a fraction: multiply by 100",
    "unit.tenths_percent": "tenths of a per cent: divide by 10",
    "unit.pascal": "pascal: divide by 100",
    "unit.kilopascal": "kilopascal: multiply by 10",
    "unit.tenths_hpa": "tenths of hPa: divide by 10",
    "unit.mm_mercury": "mm of mercury: multiply by 1.3332",
    "unit.inches_mercury": "inches of mercury: multiply by 33.8639",
    "unit.per_cent": "per cent: divide by 100",
    "unit.watt": "W m-2: multiply the day's mean by 0.0864",
    "unit.kilojoule": "kJ m-2: divide by 1000",
    "unit.joule": "J m-2: divide by 1,000,000",
    "unit.joule_cm2": "J cm-2: divide by 100",
    "unit.kwh": "kWh m-2: multiply by 3.6",
}
"""On records that break a rule of the data contract, the rules and mistaken units."""

_TILES: dict[str, str | Plural] = {
    "tiles.areas": "Each chance of an area is the mean over its part of {cells} cells; "
    "forecast.zarr holds each cell.",
    "tiles.failed": "Tiles without a forecast: {n} of {tiles}: {reasons}.",
    "tiles.unlearnt": "Tiles whose normals could not be learnt: {n} of {tiles}: {reasons}.",
    "tiles.some": "In {n} of {tiles} tiles: {first}.",
    "tiles.source": "{source} could not be used for {n} of {tiles} tiles: {reason}.",
}
"""On the tiles of a region of a grid."""

_PARTS = (
    *(_FORECAST, _RECORD, _MODELS, _WEATHER, _SOURCES),
    *(_ANSWERS, _TRAINING, _MARKS, _RULES, _TILES),
)

MESSAGES: Mapping[str, str | Plural] = {
    ENGLISH: "{english}",
    "word": "{title}",
    "several": "{first}. {rest}.",
    **{code: words for part in _PARTS for code, words in part.items()},
}
"""Code -> English text with {names}."""
