"""A context broker on the loopback address that keeps entities, as far as a publisher asks of one.

Batch upsert and delete by ETSI GS CIM 009 V1.6.1 (5.6.8, 5.6.10, 6.15, 6.17). What it is handed is
checked as a broker does (5.4: ids are URIs, attributes have a type) and against the Smart Data
Models' WeatherAlert and Alert (0.1.2): required attributes and enumerations.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker
from loopback import listening

MOMENT = {"type": "string", "format": "date-time", "pattern": "Z$"}
REQUIRED = ["id", "type", "alertSource", "category", "subCategory", "dateIssued"]
WEATHER = [
    "avalanches",
    "coastalEvent",
    "coldWave",
    "flood",
    "fog",
    "forestFire",
    "heatWave",
    "highTemperature",
    "hurricane",
    "ice",
    "lowTemperature",
    "rainfall",
    "rain_flood",
    "snow",
    "snow_ice",
    "thunderstorms",
    "tornado",
    "tropicalCyclone",
    "tsunami",
    "wind",
]
COMMON = {
    "type": "object",
    "required": REQUIRED,
    "anyOf": [{"required": ["location"]}, {"required": ["address"]}],
    "properties": {
        "id": {"type": "string", "pattern": r"^urn:[a-z0-9-]+:[\w\-.%:]+$", "maxLength": 256},
        "alertSource": {"type": "string", "minLength": 1, "maxLength": 256},
        "severity": {"enum": ["informational", "low", "medium", "high", "critical"]},
        "dateIssued": MOMENT,
        "validFrom": MOMENT,
        "validTo": MOMENT,
        "name": {"type": "string"},
        "description": {"type": "string"},
        "address": {"type": "object", "properties": {"addressLocality": {"type": "string"}}},
        "data": {"type": "object"},
        "location": {
            "type": "object",
            "required": ["type", "coordinates"],
            "properties": {"type": {"enum": ["Point", "Polygon", "MultiPolygon"]}},
        },
    },
}
MODELS = {
    "WeatherAlert": {
        "allOf": [COMMON],
        "properties": {"category": {"const": "weather"}, "subCategory": {"enum": WEATHER}},
    },
    "Alert": {
        "allOf": [COMMON],
        "properties": {
            "category": {
                "enum": [
                    "traffic",
                    "naturalDisaster",
                    "weather",
                    "environment",
                    "health",
                    "security",
                    "agriculture",
                ]
            },
            "subCategory": {
                "enum": [*WEATHER, "irrigation", "fertilisation", "fireRisk", "floodRisk"]
            },
        },
    },
}
PARTS = {"Property": "value", "GeoProperty": "value", "Relationship": "object"}


def faults(entity: Any) -> list[str]:
    """What a broker and the model find wrong with a normalized entity."""
    plain = {"id": entity["id"], "type": entity["type"]}
    wrong = []
    if not entity.get("@context"):
        wrong.append("no @context")
    for name, attribute in entity.items():
        if name in ("id", "type", "@context"):
            continue
        part = PARTS.get(attribute.get("type", ""))
        if part is None or attribute.get(part) is None:
            wrong.append(f"{name}: no attribute of NGSI-LD")
        else:
            plain[name] = attribute[part]
    model = MODELS.get(entity["type"])
    if model is None:
        return [*wrong, f"type: {entity['type']} is no alert"]
    found = Draft202012Validator(model, format_checker=FormatChecker()).iter_errors(plain)
    return wrong + [error.message for error in found]


@dataclass
class Broker:
    """``entities`` by id; ``asked``: (path, headers, body). ``statuses`` are answered first."""

    entities: dict[str, Any] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str], Any]] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)
    url: str = ""

    def answer(self, path: str, body: Any) -> tuple[int, Any]:
        if self.statuses:
            return self.statuses.pop(0), {"title": "not now"}
        if path.endswith("/upsert"):
            return self._upsert(body)
        gone = [identity for identity in body if identity not in self.entities]
        for identity in body:
            self.entities.pop(identity, None)
        errors = [_error(one, "ResourceNotFound", 404) for one in gone]
        return (207, {"success": [], "errors": errors}) if errors else (204, None)

    def _upsert(self, body: Any) -> tuple[int, Any]:
        errors, new = [], []
        for entity in body:
            wrong = faults(entity)
            if entity["id"] in self.refused:
                wrong.append("refused")
            if wrong:
                errors.append(_error(entity["id"], "BadRequestData", 400, "; ".join(wrong)))
            else:
                new += [] if entity["id"] in self.entities else [entity["id"]]
                self.entities[entity["id"]] = entity
        if errors:
            return 207, {"success": new, "errors": errors}
        return (201, new) if new else (204, None)


def _error(identity: str, kind: str, status: int, detail: str = "") -> dict[str, Any]:
    told = {"type": f"https://uri.etsi.org/ngsi-ld/errors/{kind}", "status": status}
    return {"entityId": identity, "error": told | {"detail": detail}}


@contextmanager
def serve_broker(broker: Broker) -> Iterator[Broker]:
    """The broker, listening on a free port of the loopback address until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {key.lower(): value for key, value in self.headers.items()}
            body = json.loads(content)
            broker.asked.append((self.path, headers, body))
            status, answer = broker.answer(self.path, body)
            told = b"" if answer is None else json.dumps(answer).encode()
            self.send_response(status)
            if status != 204:
                self.send_header("Content-Length", str(len(told)))
            self.end_headers()
            self.wfile.write(told)

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing: a test's output is its result."""

    with listening(Handler) as address:
        broker.url = f"{address}/ngsi-ld/v1"
        yield broker
