"""ProductStock records as they lie in the topic, read without the programs' own code."""

import functools
import json
import os
import struct
from dataclasses import dataclass

from . import process

SCHEMA = os.path.join(process.ROOT, "schemas", "avro", "product_stock.avsc")
SINGLE_OBJECT = b"\xc3\x01"


@dataclass(frozen=True)
class Warehouse:
    """One warehouse's numbers; the last four are None without forecast."""
    code: str
    on_hand: float
    free: float
    incoming: float
    outgoing: float
    forecast: float
    free_confirmed: float = None


@dataclass(frozen=True)
class Stock:
    """One record's content and its place; gone: a tombstone, with nothing but id and revision."""
    product_id: int
    revision: int
    gone: bool
    place: object
    sku: str = None
    active: bool = False
    enabled: bool = False
    is_kit: bool = False
    cause: str = None
    changed_at: int = 0
    read_at: int = 0
    warehouses: dict = None


@functools.lru_cache(maxsize=1)
def _schema():
    with open(SCHEMA, encoding="utf-8") as file:
        return json.load(file)


class Reader:
    """Avro's binary encoding, driven by the schema; source: Avro 1.11 specification, Encodings."""

    def __init__(self, data):
        self.data = data
        self.at = 0

    def take(self, count):
        piece = self.data[self.at:self.at + count]
        if len(piece) != count:
            raise ValueError(f"value ends at byte {len(self.data)}")
        self.at += count
        return piece

    def long(self):
        value, shift = 0, 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                return (value >> 1) ^ -(value & 1)

    def read(self, schema):
        if isinstance(schema, list):
            return self.read(schema[self.long()])
        kind = schema["type"] if isinstance(schema, dict) else schema
        if isinstance(kind, (dict, list)):
            return self.read(kind)
        if kind == "record":
            return {field["name"]: self.read(field["type"]) for field in schema["fields"]}
        if kind == "array":
            return list(self._blocks(schema["items"]))
        if kind == "enum":
            return schema["symbols"][self.long()]
        if kind in ("int", "long"):
            return self.long()
        if kind == "null":
            return None
        if kind == "boolean":
            return self.take(1) == b"\x01"
        if kind == "double":
            return struct.unpack("<d", self.take(8))[0]
        if kind == "string":
            return self.take(self.long()).decode()
        raise ValueError(f"schema type {kind!r} is not used here")

    def _blocks(self, items):
        while count := self.long():
            if count < 0:
                count = -count
                self.long()
            for _ in range(count):
                yield self.read(items)


class Writer:
    """The way back, for tests that play the producer."""

    def __init__(self):
        self.data = bytearray()

    def long(self, value):
        value = (value << 1) ^ (value >> 63)
        while value > 0x7F:
            self.data.append(value & 0x7F | 0x80)
            value >>= 7
        self.data.append(value)

    def write(self, schema, value):
        if isinstance(schema, list):
            index = schema.index("null") if value is None else 1
            self.long(index)
            schema = schema[index]
        kind = schema["type"] if isinstance(schema, dict) else schema
        if isinstance(kind, dict):
            self.write(kind, value)
        elif kind == "record":
            for field in schema["fields"]:
                self.write(field["type"], value[field["name"]])
        elif kind == "array":
            if value:
                self.long(len(value))
            for one in value:
                self.write(schema["items"], one)
            self.long(0)
        elif kind == "enum":
            self.long(schema["symbols"].index(value))
        elif kind in ("int", "long"):
            self.long(value)
        elif kind == "boolean":
            self.data.append(value)
        elif kind == "double":
            self.data += struct.pack("<d", value)
        elif kind == "string":
            self.long(len(value.encode()))
            self.data += value.encode()


def changed(record, revision, more=0, **headers):
    """(key, value, headers) of a record as the producer would publish it again: with another
    revision, and so many units more in its first warehouse."""
    headers = {**record.headers, "revision": str(revision), **headers}
    if record.value is None:
        return record.key, None, headers
    content = Reader(record.value[10:]).read(_schema())
    content["revision"] = revision
    for name in ("on_hand", "free"):
        if more:
            content["warehouses"][0][name] += more
    writer = Writer()
    writer.write(_schema(), content)
    return record.key, record.value[:10] + bytes(writer.data), headers


def decode(record):
    """A kafka.Record as Stock; ValueError when it is none."""
    header = record.headers.get("revision")
    if record.value is None:
        return Stock(int(record.key), int(header), True, record)
    if record.value[:2] != SINGLE_OBJECT:
        raise ValueError(f"{record.where}: not Avro single-object encoding")
    reader = Reader(record.value[10:])
    content = reader.read(_schema())
    if reader.at != len(reader.data):
        raise ValueError(f"{record.where}: {len(reader.data) - reader.at} bytes too many")
    if str(content["product_id"]).encode() != record.key:
        raise ValueError(f"{record.where}: key {record.key!r}, product {content['product_id']}")
    if header is None or int(header) != content["revision"]:
        raise ValueError(f"{record.where}: header revision {header!r}, "
                         f"record's {content['revision']}")
    if record.headers.get("cause") != content["cause"].encode():
        raise ValueError(f"{record.where}: header cause {record.headers.get('cause')!r}, "
                         f"record's {content['cause']}")
    warehouses = {
        one["warehouse_id"]: Warehouse(one["code"], one["on_hand"], one["free"], one["incoming"],
                                       one["outgoing"], one["forecast"], one["free_confirmed"])
        for one in content["warehouses"]}
    return Stock(content["product_id"], content["revision"], False, record, content["sku"],
                 content["active"], content["shopify_enabled"], content["is_kit"],
                 content["cause"], content["changed_at"], content["read_at"], warehouses)


def decode_all(records):
    return [decode(record) for record in records]


def latest(stocks):
    """{product id: Stock} with the last record of each key."""
    result = {}
    for stock in stocks:
        known = result.get(stock.product_id)
        if known is None or stock.revision >= known.revision:
            result[stock.product_id] = stock
    return result
