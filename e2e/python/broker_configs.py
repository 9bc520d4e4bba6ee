"""Asks a broker for all its settings.

broker_configs.py CONF NODE_ID: prints each as [value or null, sensitive].
"""

import json
import sys

from confluent_kafka.admin import AdminClient, ConfigResource

from properties import read_properties

conf, node = sys.argv[1], sys.argv[2]
admin = AdminClient(read_properties(conf) | {"log_level": 2})
resource = ConfigResource(ConfigResource.Type.BROKER, node)
found = admin.describe_configs([resource], request_timeout=30)[resource].result()
print(json.dumps({name: [entry.value, entry.is_sensitive] for name, entry in found.items()}))
