"""Reads a topic whole and checks that each partition holds `PARTITION:0`, `PARTITION:1`, … in order, each once.

audit.py CONF TOPIC: prints how many records each partition holds, and every break of the order.
"""

import json
import sys

from confluent_kafka import Consumer, TopicPartition, OFFSET_BEGINNING, KafkaError

from properties import read_properties

conf, topic = sys.argv[1], sys.argv[2]
consumer = Consumer(read_properties(conf) | {
    "group.id": "audit",
    "enable.auto.commit": False,
    "enable.partition.eof": True,
    "isolation.level": "read_committed",
    "log_level": 2,
})
partitions = sorted(consumer.list_topics(topic, timeout=30).topics[topic].partitions)
consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in partitions])
held = {partition: 0 for partition in partitions}
problems = []
open_ones = set(partitions)
while open_ones:
    message = consumer.poll(30)
    if message is None:
        problems.append(f"no end of {sorted(open_ones)}")
        break
    if message.error():
        if message.error().code() == KafkaError._PARTITION_EOF:
            open_ones.discard(message.partition())
        elif not message.error().retriable():
            problems.append(str(message.error()))
            break
        continue
    partition = message.partition()
    wanted = f"{partition}:{held[partition]}"
    if message.value().decode() != wanted:
        problems.append(f"offset {message.offset()} holds {message.value().decode()}, not {wanted}")
        break
    held[partition] += 1
consumer.close()
print(json.dumps({"held": held, "problems": problems}))
