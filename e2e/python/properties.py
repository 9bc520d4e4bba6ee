"""Reads `key=value` lines, as librdkafka's own programs do."""


def read_properties(path):
    with open(path, encoding="utf-8") as lines:
        pairs = (line.strip().split("=", 1) for line in lines if line.strip() and not line.startswith("#"))
        return {key.strip(): value.strip() for key, value in pairs}
