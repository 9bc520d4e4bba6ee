"""Writes keyed records and reads them back in a group, with aiokafka and the module that klamm wrote.

aiokafka_round.py FOLDER TOPIC GROUP COUNT: prints what each partition gave, in the order in which it gave it.
"""

import asyncio
import json
import sys

folder, topic, group, count = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
sys.path.insert(0, folder)

import kafka_client
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer


async def main():
    producer = AIOKafkaProducer(**kafka_client.aiokafka(), acks="all")
    await producer.start()
    for number in range(count):
        await producer.send(topic, f"aio-{number}".encode(), key=f"k{number % 7}".encode())
    await producer.stop()
    consumer = AIOKafkaConsumer(topic, **kafka_client.aiokafka(), group_id=group, auto_offset_reset="earliest")
    await consumer.start()
    read = {}
    while sum(map(len, read.values())) < count:
        message = await asyncio.wait_for(consumer.getone(), 30)
        if message.value.startswith(b"aio-"):
            read.setdefault(message.partition, []).append([message.key.decode(), message.value.decode()])
    await consumer.stop()
    print(json.dumps(read))


asyncio.run(main())
