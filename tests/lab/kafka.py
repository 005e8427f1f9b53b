"""One Kafka broker of our own, by deploy/kafka/kafka; reading and writing topics."""

import os
import signal
import uuid
from dataclasses import dataclass

import confluent_kafka
from confluent_kafka import admin

from . import process, wait

SCRIPT = os.path.join(process.ROOT, "deploy", "kafka", "kafka")


@dataclass(frozen=True)
class Record:
    """One record as it lies in the topic; value None is a tombstone."""
    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes
    value: bytes
    headers: dict

    @property
    def where(self):
        return f"{self.topic}[{self.partition}]@{self.offset}"


class Kafka:
    """`with Kafka() as kafka:` … `kafka.bootstrap`. A directory that is given is kept after stop()."""

    def __init__(self, directory=None):
        self._temporary = directory is None
        self.directory = directory or process.scratch("stocksync-kafka-")
        self.bootstrap = None
        self._admin = None
        self.child = None

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    @property
    def log(self):
        return os.path.join(self.directory, "broker.log")

    def start(self):
        """Starts it, or starts it again with the same port and topics."""
        address = os.path.join(self.directory, "address")
        try:
            os.makedirs(self.directory, exist_ok=True)
            self.child = process.Child([SCRIPT, "run", "--data", self.directory],
                                       os.path.join(self.directory, "script.log"),
                                       death=signal.SIGTERM)
            wait.until(lambda: os.path.exists(address), lambda: f"Kafka serves:\n{self.child.tail()}",
                       seconds=120, alive=self._alive)
        except BaseException:
            self.stop()
            raise
        with open(address, encoding="ascii") as file:
            self.bootstrap = file.read().strip()
        self._admin = admin.AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0})
        return self

    def _alive(self):
        if not self.child.running:
            raise RuntimeError(f"Kafka did not start:\n{self.child.tail()}")

    def pause(self):
        """The broker goes away; start() brings it back with everything it had acknowledged."""
        if self.child is not None:
            self.child.stop(signal.SIGTERM, seconds=60)
            self.child = None

    def stop(self):
        self.pause()
        if self._temporary:
            process.remove(self.directory)

    # Topics

    def create_topic(self, name, partitions=4, config=None):
        topic = admin.NewTopic(name, num_partitions=partitions, replication_factor=1,
                               config=config or {})
        self._admin.create_topics([topic], operation_timeout=30)[name].result(30)
        wait.until(lambda: self.partitions(name) == partitions, f"topic {name} appears")

    def delete_topic(self, name):
        self._admin.delete_topics([name], operation_timeout=30)[name].result(30)

    def end_offsets(self, name):
        """Where the next record of each partition will lie; 0: nothing was ever written."""
        consumer = confluent_kafka.Consumer({"bootstrap.servers": self.bootstrap,
                                             "group.id": f"lab-{uuid.uuid4()}", "log_level": 3})
        try:
            return {partition: consumer.get_watermark_offsets(
                confluent_kafka.TopicPartition(name, partition), timeout=30)[1]
                for partition in range(self.partitions(name))}
        finally:
            consumer.close()

    def grow_topic(self, name, partitions):
        """Somebody gives a topic more partitions."""
        grown = admin.NewPartitions(name, partitions)
        self._admin.create_partitions([grown], operation_timeout=30)[name].result(30)
        wait.until(lambda: self.partitions(name) == partitions, f"topic {name} grows")

    def alter_topic(self, name, config):
        """Replaces a topic's settings."""
        resource = admin.ConfigResource(admin.ConfigResource.Type.TOPIC, name, set_config=config)
        self._admin.alter_configs([resource])[resource].result(30)

    def keep(self):
        """A copy of the broker's files, for put_back(); it stands still meanwhile."""
        self.pause()
        path = os.path.join(self.directory, "kept")
        process.copy(os.path.join(self.directory, "log"), path)
        self.start()
        return path

    def put_back(self, path):
        """The broker's files are those of the copy again."""
        self.pause()
        process.copy(path, os.path.join(self.directory, "log"))
        self.start()

    def topic_config(self, name):
        resource = admin.ConfigResource(admin.ConfigResource.Type.TOPIC, name)
        entries = self._admin.describe_configs([resource])[resource].result(30)
        return {key: entry.value for key, entry in entries.items()}

    def partitions(self, name):
        """Number of partitions; 0: the topic is not there."""
        topics = self._admin.list_topics(timeout=30).topics
        return len(topics[name].partitions) if name in topics else 0

    # Records

    def records(self, topic, isolation="read_uncommitted", timeout=30.0):
        """All records of a topic up to its present end, each partition in its own order."""
        consumer = confluent_kafka.Consumer({
            "bootstrap.servers": self.bootstrap, "group.id": f"lab-{uuid.uuid4()}",
            "enable.auto.commit": False, "enable.auto.offset.store": False,
            "isolation.level": isolation, "enable.partition.eof": True, "log_level": 3})
        try:
            waiting = set(range(self.partitions(topic)))
            consumer.assign([confluent_kafka.TopicPartition(
                topic, partition, confluent_kafka.OFFSET_BEGINNING) for partition in waiting])
            result = []
            while waiting:
                batch = consumer.consume(5000, 0.05)
                if not batch:
                    timeout -= 0.05
                    if timeout <= 0:
                        raise wait.Expired(f"the end of {topic}{sorted(waiting)} is not reached")
                for message in batch:
                    error = message.error()
                    if error is None:
                        result.append(as_record(message))
                    elif error.code() == confluent_kafka.KafkaError._PARTITION_EOF:
                        waiting.discard(message.partition())
                    else:
                        raise confluent_kafka.KafkaException(error)
            return result
        finally:
            consumer.close()

    def produce(self, topic, key, value, headers=None, partition=None):
        """Writes one record as a stranger would and waits until the broker has it; its offset."""
        done = []
        producer = confluent_kafka.Producer({"bootstrap.servers": self.bootstrap,
                                             "partitioner": "murmur2_random", "log_level": 3})
        more = {} if partition is None else {"partition": partition}
        producer.produce(topic, key=key, value=value, headers=headers,
                         on_delivery=lambda error, message: done.append((error, message)), **more)
        producer.flush(30)
        if not done or done[0][0] is not None:
            raise RuntimeError(f"record not written to {topic}: {done}")
        return done[0][1].offset()

    def fill(self, topic, count, headers):
        """As many records in each partition, of somebody who knows nothing of us."""
        producer = confluent_kafka.Producer({"bootstrap.servers": self.bootstrap, "log_level": 3})
        for partition in range(self.partitions(topic)):
            for number in range(count):
                producer.produce(topic, key=f"{number}", value=b"a stranger's", headers=headers,
                                 partition=partition)
        if producer.flush(30):
            raise RuntimeError(f"records were not written to {topic}")

    def produce_all(self, topic, records):
        """Writes (key, value, headers) as the producer places them; waits for the broker."""
        failed = []
        producer = confluent_kafka.Producer({"bootstrap.servers": self.bootstrap, "linger.ms": 5,
                                             "partitioner": "murmur2_random", "log_level": 3})
        for key, value, headers in records:
            producer.produce(topic, key=key, value=value, headers=headers,
                             on_delivery=lambda error, _: failed.append(error) if error else None)
        if producer.flush(30) or failed:
            raise RuntimeError(f"records not written to {topic}: {failed}")

    def first_record(self, topic, partition, offset, timeout=30.0):
        """The first record of a partition at or after an offset; waits until there is one."""
        consumer = confluent_kafka.Consumer({"bootstrap.servers": self.bootstrap, "log_level": 3,
                                             "group.id": f"lab-{uuid.uuid4()}",
                                             "enable.auto.commit": False,
                                             "isolation.level": "read_uncommitted"})
        try:
            consumer.assign([confluent_kafka.TopicPartition(topic, partition, offset)])
            message = consumer.poll(timeout)
            if message is None or message.error():
                raise RuntimeError(f"no record in {topic}[{partition}] from {offset} on: "
                                   f"{message and message.error()}")
            return as_record(message)
        finally:
            consumer.close()

    def committed(self, group, topic):
        """Committed offset of each partition; -1 where the group has none."""
        consumer = confluent_kafka.Consumer({"bootstrap.servers": self.bootstrap,
                                             "group.id": group, "enable.auto.commit": False,
                                             "log_level": 3})
        try:
            asked = [confluent_kafka.TopicPartition(topic, partition)
                     for partition in range(self.partitions(topic))]
            return {found.partition: max(found.offset, -1)
                    for found in consumer.committed(asked, timeout=30)}
        finally:
            consumer.close()

    def commit(self, group, topic, offset):
        """The group, which has no member, stands at this offset in every partition."""
        consumer = confluent_kafka.Consumer({"bootstrap.servers": self.bootstrap,
                                             "group.id": group, "enable.auto.commit": False,
                                             "log_level": 3})
        try:
            consumer.commit(offsets=[confluent_kafka.TopicPartition(topic, partition, offset)
                                     for partition in range(self.partitions(topic))],
                            asynchronous=False)
        finally:
            consumer.close()

    def unread(self, group, topic, last_offsets):
        """How many partitions the group has not finished up to the given last data records.

        last_offsets  partition -> offset of its last data record, as last_offsets() returns it;
                      the topic's end is of no use: transaction markers follow the last record.
        """
        committed = self.committed(group, topic)
        return sum(1 for partition, offset in last_offsets.items()
                   if committed.get(partition, -1) <= offset)


def last_offsets(records):
    result = {}
    for record in records:
        result[record.partition] = max(record.offset, result.get(record.partition, -1))
    return result


def as_record(message):
    """A message of confluent_kafka as Record."""
    headers = {}
    for name, value in message.headers() or []:
        headers[name] = value
    return Record(message.topic(), message.partition(), message.offset(), message.timestamp()[1],
                  message.key(), message.value(), headers)
