package dev.klamm.kafka;

import java.util.Map;

/** The words for the numbers of Kafka's {@code BrokerState} (org.apache.kafka.metadata.BrokerState, 3.9 to 4.4). */
final class BrokerState {
    static final long NOT_RUNNING = 0;

    private static final Map<Long, String> NAMES = Map.of(NOT_RUNNING, "not-running", 1L, "starting", 2L, "recovering",
            3L, "running", 6L, "stopping-controlled", 7L, "stopping", 127L, "unknown");

    private BrokerState() {}

    static String name(long state) {
        return NAMES.getOrDefault(state, "state-" + state);
    }
}
