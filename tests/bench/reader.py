"""Notes when each record of a topic arrives, read uncommitted; a process of its own.

usage: reader.py BOOTSTRAP TOPIC PARTITIONS OUTPUT
Reads from the beginning until SIGTERM, then writes OUTPUT: one JSON list a record,
[product id, free in all warehouses, arrival, read_at, changed_at], times in µs since the epoch.
"""

import json
import os
import signal
import sys
import time

import confluent_kafka

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))

from lab import kafka, record  # noqa: E402


def read(bootstrap, topic, partitions):
    stopped = []
    signal.signal(signal.SIGTERM, lambda *_: stopped.append(True))
    consumer = confluent_kafka.Consumer({
        "bootstrap.servers": bootstrap, "group.id": "bench-reader", "enable.auto.commit": False,
        "enable.auto.offset.store": False, "isolation.level": "read_uncommitted", "log_level": 3})
    consumer.assign([confluent_kafka.TopicPartition(topic, partition, 0)
                     for partition in range(partitions)])
    arrivals = []
    while not stopped:
        message = consumer.poll(0.2)    # one at a time: a list would wait until it is full
        if message is not None and message.error() is None:
            arrivals.append((time.time_ns() // 1000, message))
    consumer.close()
    return arrivals


def main():
    bootstrap, topic, partitions, output = sys.argv[1:]
    arrivals = read(bootstrap, topic, int(partitions))
    with open(output + ".new", "w", encoding="ascii") as file:
        for at, message in arrivals:
            stock = record.decode(kafka.as_record(message))
            free = sum(one.free for one in stock.warehouses.values())
            file.write(json.dumps([stock.product_id, free, at, stock.read_at, stock.changed_at]))
            file.write("\n")
    os.rename(output + ".new", output)


main()
