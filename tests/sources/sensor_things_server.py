"""A real SensorThings server (django-ogc-sensorthings) on 127.0.0.1, in a process of its own:
``python sensor_things_server.py FOLDER``.

It makes an SQLite database in FOLDER, loads FOLDER/load.json into it, writes its port to
FOLDER/port and FOLDER/ids.json, and serves.
load.json: {place: {observed property: {"unit": [name, symbol, definition], "readings": [[begin, end
or null, result, quality], ...]}}}.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from wsgiref.simple_server import WSGIRequestHandler, make_server

import django
from django.conf import settings
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.urls import include, path

PAGE = 1500
urlpatterns: list[object] = []


class Quiet(WSGIRequestHandler):
    def log_message(self, *_: object) -> None:
        """Nothing is written of a request."""


def configure(folder: Path, port: int) -> None:
    from uuid import UUID

    version = "SENSORTHINGS_V1_1_"
    backend = "sensorthings.versions.v1_1.backends.django.adapter"
    options = {
        "SERVICE_URL": f"http://127.0.0.1:{port}/sensorthings",
        "BACKEND_ADAPTER": f"{backend}.DjangoBackendAdapter",
        "ID_TYPE": UUID,
        "ID_DELIMITER": "'",
        "MAX_TOP": PAGE,
    }
    settings.configure(
        ROOT_URLCONF=__name__,
        USE_TZ=True,
        ALLOWED_HOSTS=["127.0.0.1"],
        SECRET_KEY="of no use",
        DATABASES={
            "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": str(folder / "things.db")}
        },
        INSTALLED_APPS=["sensorthings.versions.v1_1", "sensorthings.versions.v1_1.backends.django"],
        **{version + name: value for name, value in options.items()},
    )
    django.setup()
    urlpatterns.append(path("sensorthings/", include("sensorthings.versions.v1_1.urls")))


def load(folder: Path) -> dict[str, object]:
    """Fill the database.

    Ids of what was made: a Thing by place, a Datastream by place and property.
    """
    from django.utils.dateparse import parse_datetime
    from sensorthings.versions.v1_1.backends.django import models

    places = json.loads((folder / "load.json").read_text())
    sensor = models.Sensor.objects.create(
        name="probe", description="", encoding_type="application/pdf", metadata=""
    )
    ids: dict[str, object] = {}
    for place, properties in places.items():
        thing = models.Thing.objects.create(name=place, description="")
        where = models.FeatureOfInterest.objects.create(
            name=place, description="", encoding_type="application/geo+json", feature={}
        )
        streams = {}
        for name, content in properties.items():
            observed, _ = models.ObservedProperty.objects.get_or_create(
                name=name, defaults={"definition": f"http://vocabulary/{name}"}
            )
            unit = dict(zip(("name", "symbol", "definition"), content["unit"], strict=True))
            stream = models.Datastream.objects.create(
                name=f"{name} of {place}",
                description="",
                unit_of_measurement=unit,
                observation_type=models.Datastream.OM_MEASUREMENT,
                thing=thing,
                sensor=sensor,
                observed_property=observed,
            )
            rows = [
                models.Observation(
                    datastream=stream,
                    feature_of_interest=where,
                    phenomenon_time_begin=parse_datetime(begin),
                    phenomenon_time_end=parse_datetime(end) if end else None,
                    result_time=parse_datetime(end or begin),
                    result=result,
                    result_quality=quality,
                )
                for begin, end, result, quality in content["readings"]
            ]
            models.Observation.objects.bulk_create(rows, batch_size=500)
            streams[name] = str(stream.id)
        ids[place] = {"thing": str(thing.id), "datastreams": streams}
    return ids


def main(folder: Path) -> None:
    server = make_server("127.0.0.1", 0, None, handler_class=Quiet)  # type: ignore[arg-type]
    configure(folder, server.server_port)
    call_command("migrate", verbosity=0)
    (folder / "ids.json").write_text(json.dumps(load(folder)))
    server.set_app(get_wsgi_application())
    (folder / "port.partial").write_text(str(server.server_port))
    os.replace(folder / "port.partial", folder / "port")
    server.serve_forever()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
