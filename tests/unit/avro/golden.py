#!/usr/bin/env python3
"""Golden bytes for test_avro_codec.c: the Avro binary encoding (Avro 1.11 specification), written down a second time.

Prints one line a record: its name and the framed value in hexadecimal. The test holds the same text; run this when the schema changes.
When it was written, the output was also compared with fastavro 1.13.1 (schemaless_writer) and the frame with its CRC-64-AVRO.
"""
import pathlib
import struct

ROOT = pathlib.Path(__file__).resolve().parents[3]


def crc64(data):
    empty = 0xC15D213AA4D7A795
    table = []
    for i in range(256):
        fp = i
        for _ in range(8):
            fp = (fp >> 1) ^ (empty if fp & 1 else 0)
        table.append(fp)
    fp = empty
    for byte in data:
        fp = (fp >> 8) ^ table[(fp ^ byte) & 0xFF]
    return fp


def long(n):
    n = (n << 1) ^ (n >> 63)
    out = bytearray()
    while n > 0x7F:
        out.append((n & 0x7F) | 0x80)
        n >>= 7
    out.append(n)
    return bytes(out)


def text(s):
    raw = s.encode()
    return long(len(raw)) + raw


def optional(encode, value):
    return long(0) if value is None else long(1) + encode(value)


def double(x):
    return struct.pack("<d", x)


def flag(b):
    return b"\x01" if b else b"\x00"


def warehouse(id, code, on_hand, free, incoming=None, outgoing=None, forecast=None, free_confirmed=None, form=0):
    """form 1: the former schema, which has no free_confirmed."""
    return (long(id) + text(code) + double(on_hand) + double(free)
            + optional(double, incoming) + optional(double, outgoing) + optional(double, forecast)
            + (b"" if form == 1 else optional(double, free_confirmed)))


def record(product, template, sku, barcode, company, active, enabled, kit, revision, cause, changed, read, warehouses):
    items = long(len(warehouses)) + b"".join(warehouses) if warehouses else b""
    return (long(product) + long(template) + optional(text, sku) + optional(text, barcode) + optional(long, company)
            + flag(active) + flag(enabled) + flag(kit) + long(revision) + long(cause) + long(changed) + long(read)
            + items + long(0))


def main():
    frames = []
    for name in ("product_stock", "former/product_stock_1"):
        canonical = (ROOT / f"schemas/avro/{name}.pcf.json").read_bytes().rstrip(b"\n")
        frames.append(b"\xc3\x01" + struct.pack("<Q", crc64(canonical)))
    records = {
        "bare": record(1, 0, None, None, None, False, False, False, 1, 0, 0, -1, []),
        "plain": record(4711, 4000, "SKU-1", "4006381333931", 1, True, True, False,
                        1700000000123456, 1, 1700000000000000, 1700000000123000,
                        [warehouse(1, "WH", 12.5, 10.0), warehouse(300, "Nörd", -3.0, 0.1)]),
        "forecast": record(2147483647, 2147483647, "ß", None, 2147483647, True, False, True,
                           9223372036854775807, 4, -9223372036854775808, 9223372036854775807,
                           [warehouse(2, "", 1e300, -0.0, 1.0, 2.0, 1e-300, -7.5)]),
    }
    for name, value in records.items():
        print(name, (frames[0] + value).hex())
    print("former", (frames[1] + record(
        17, 3, "OLD", None, None, True, True, False, 5, 0, 6, 7,
        [warehouse(1, "WH", 11.0, 9.0, 1.0, 2.0, 10.0, form=1), warehouse(2, "NO", 1.0, 1.0, form=1)])).hex())


if __name__ == "__main__":
    main()
