"""Writes keyed records and reads them back in a group, with librdkafka's usual binding.

confluent_round.py CONF TOPIC GROUP COUNT: prints what each partition gave, in the order in which it gave it.
"""

import json
import sys

from confluent_kafka import Consumer, Producer

from properties import read_properties

conf, topic, group, count = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
settings = read_properties(conf) | {"log_level": 2}
producer = Producer(settings | {"acks": "all"})
for number in range(count):
    producer.produce(topic, f"confluent-{number}".encode(), key=f"k{number % 7}".encode())
if producer.flush(30):
    sys.exit("records were left behind")
consumer = Consumer(settings | {"group.id": group, "auto.offset.reset": "earliest"})
consumer.subscribe([topic])
read = {}
while sum(map(len, read.values())) < count:
    message = consumer.poll(30)
    if message is None:
        sys.exit(f"nothing more after {sum(map(len, read.values()))} records")
    if message.error():
        sys.exit(str(message.error()))
    if message.value().startswith(b"confluent-"):
        read.setdefault(message.partition(), []).append([message.key().decode(), message.value().decode()])
consumer.close()
print(json.dumps(read))
