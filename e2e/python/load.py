"""Writes `PARTITION:NUMBER` to each partition, idempotent and acks=all, until standard input ends.

load.py CONF TOPIC PARTITIONS: prints `writing` after the first acknowledgement, at the end its account as JSON.
"""

import json
import select
import sys
import time

from confluent_kafka import Producer

from properties import read_properties

conf, topic, partitions = sys.argv[1], sys.argv[2], int(sys.argv[3])
# 300 a second in all, as much as two slow cores carry beside three nodes
PAUSE = 1 / 300

acknowledged = {partition: 0 for partition in range(partitions)}
problems = []
last = None
longest = 0.0


def heard(error, message):
    global last, longest
    if error is not None:
        problems.append(str(error))
        return
    now = time.monotonic()
    if last is None:
        print("writing")
    else:
        longest = max(longest, now - last)
    last = now
    acknowledged[message.partition()] += 1


settings = read_properties(conf) | {
    "enable.idempotence": True,
    # With more in flight, librdkafka answers one NOT_LEADER with "skipped sequence numbers", takes a new producer epoch and
    # sends again what may be there already: duplicates of its own making (seen in a roll of 3.9.2)
    "max.in.flight.requests.per.connection": 1,
    "linger.ms": 5,
    "delivery.timeout.ms": 120000,
    "log_level": 2,
}
producer = Producer(settings)
number = 0
while not select.select([sys.stdin], [], [], 0)[0]:
    partition = number % partitions
    value = f"{partition}:{number // partitions}".encode()
    try:
        producer.produce(topic, value, partition=partition, on_delivery=heard)
        number += 1
    except BufferError:
        pass
    producer.poll(PAUSE)
producer.flush(120)
left = len(producer)
print(json.dumps({
    "acknowledged": acknowledged,
    "failed": len(problems) + left,
    "problems": problems[:5],
    "longest_gap_ms": round(longest * 1000),
}))
