"""Writes keyed records and reads them back in a group, with kafka-python and the module that klamm wrote.

kafka_python_round.py FOLDER TOPIC GROUP COUNT: prints what each partition gave, in the order in which it gave it.
"""

import json
import sys

folder, topic, group, count = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
sys.path.insert(0, folder)

import kafka_client
from kafka import KafkaConsumer, KafkaProducer

producer = KafkaProducer(**kafka_client.KAFKA_PYTHON, acks="all")
sent = [
    producer.send(topic, f"pure-{number}".encode(), key=f"k{number % 7}".encode()) for number in range(count)
]
for record in sent:
    record.get(timeout=30)
producer.close()
consumer = KafkaConsumer(
    topic,
    **kafka_client.KAFKA_PYTHON,
    group_id=group,
    auto_offset_reset="earliest",
    consumer_timeout_ms=30000,
)
read = {}
for message in consumer:
    if message.value.startswith(b"pure-"):
        read.setdefault(message.partition, []).append([message.key.decode(), message.value.decode()])
    if sum(map(len, read.values())) == count:
        break
consumer.close()
print(json.dumps(read))
