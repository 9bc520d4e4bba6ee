package dev.klamm.kafka;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What the node tells of itself, as a JSON document of version 1. Every key is always there; what is not known (yet, in
 * this role, or in this Kafka) is null and never a made-up 0.
 */
final class StatusDocument {
    static final int VERSION = 1;

    private static final String CONTROLLER = "kafka.controller:type=KafkaController,name=";
    private static final String REPLICAS = "kafka.server:type=ReplicaManager,name=";
    private static final String RAFT = "kafka.server:type=raft-metrics";
    private static final String BROKER_METADATA = "kafka.server:type=broker-metadata-metrics";
    private static final String LOGS = "kafka.log:type=LogManager,name=";

    private final Beans beans = new Beans();
    private final long startedNanos;

    StatusDocument(long startedNanos) {
        this.startedNanos = startedNanos;
    }

    Map<String, Object> status() {
        Long broker = beans.whole("kafka.server:type=KafkaServer,name=BrokerState", "Value");
        Object raftState = beans.read(RAFT, "current-state");
        Map<String, Object> document = head();
        document.put("stage", stage(broker, raftState));
        document.put("broker", broker(broker));
        document.put("recovery", recovery());
        document.put("raft", raft(raftState));
        document.put("controller", controller());
        document.put("replicas", replicas());
        document.put("metadata", metadata());
        document.put("tls", tls());
        return document;
    }

    Map<String, Object> metrics() {
        Map<String, Object> document = head();
        document.put("metrics", Metrics.read(beans));
        return document;
    }

    private Map<String, Object> head() {
        Map<String, Object> head = new LinkedHashMap<>();
        head.put("version", VERSION);
        head.put("pid", ProcessHandle.current().pid());
        head.put("uptime_ms", (System.nanoTime() - startedNanos) / 1_000_000);
        return head;
    }

    /**
     * The furthest that can be proved: {@code jvm} (Java runs, Kafka has registered nothing), {@code quorum} (the Raft
     * client is up), then the broker's own state. A node without the broker role stays at {@code quorum}.
     */
    private static String stage(Long broker, Object raftState) {
        if (broker != null && broker != BrokerState.NOT_RUNNING) {
            return BrokerState.name(broker);
        }
        return raftState == null ? "jvm" : "quorum";
    }

    private static Map<String, Object> broker(Long state) {
        Map<String, Object> broker = new LinkedHashMap<>();
        broker.put("state", state);
        broker.put("state_name", state == null ? null : BrokerState.name(state));
        return broker;
    }

    /** Kafka has these gauges only while it loads logs. */
    private Map<String, Object> recovery() {
        Map<String, Object> recovery = new LinkedHashMap<>();
        recovery.put("logs_remaining", beans.sum(LOGS + "remainingLogsToRecover,*", "Value"));
        recovery.put("segments_remaining", beans.sum(LOGS + "remainingSegmentsToRecover,*", "Value"));
        return recovery;
    }

    private Map<String, Object> raft(Object state) {
        Map<String, Object> raft = new LinkedHashMap<>();
        raft.put("state", state == null ? null : state.toString());
        raft.put("leader", nonNegative(beans.whole(RAFT, "current-leader")));
        raft.put("epoch", beans.whole(RAFT, "current-epoch"));
        raft.put("high_watermark", nonNegative(beans.whole(RAFT, "high-watermark")));
        raft.put("log_end_offset", beans.whole(RAFT, "log-end-offset"));
        raft.put("voters", beans.whole(RAFT, "number-of-voters"));
        raft.put("observers", beans.whole(RAFT, "number-of-observers"));
        return raft;
    }

    private Map<String, Object> controller() {
        Map<String, Object> controller = new LinkedHashMap<>();
        controller.put("active", beans.whole(CONTROLLER + "ActiveControllerCount", "Value"));
        controller.put("active_brokers", beans.whole(CONTROLLER + "ActiveBrokerCount", "Value"));
        controller.put("fenced_brokers", beans.whole(CONTROLLER + "FencedBrokerCount", "Value"));
        controller.put("offline_partitions", beans.whole(CONTROLLER + "OfflinePartitionsCount", "Value"));
        controller.put("last_applied_offset", beans.whole(CONTROLLER + "LastAppliedRecordOffset", "Value"));
        controller.put("last_committed_offset", beans.whole(CONTROLLER + "LastCommittedRecordOffset", "Value"));
        controller.put("metadata_errors", beans.whole(CONTROLLER + "MetadataErrorCount", "Value"));
        return controller;
    }

    private Map<String, Object> replicas() {
        Map<String, Object> replicas = new LinkedHashMap<>();
        replicas.put("partitions", beans.whole(REPLICAS + "PartitionCount", "Value"));
        replicas.put("leaders", beans.whole(REPLICAS + "LeaderCount", "Value"));
        replicas.put("under_replicated", beans.whole(REPLICAS + "UnderReplicatedPartitions", "Value"));
        replicas.put("under_min_isr", beans.whole(REPLICAS + "UnderMinIsrPartitionCount", "Value"));
        replicas.put("at_min_isr", beans.whole(REPLICAS + "AtMinIsrPartitionCount", "Value"));
        replicas.put("offline", beans.whole(REPLICAS + "OfflineReplicaCount", "Value"));
        replicas.put("reassigning", beans.whole(REPLICAS + "ReassigningPartitions", "Value"));
        replicas.put("offline_log_dirs", beans.whole(LOGS + "OfflineLogDirectoryCount", "Value"));
        return replicas;
    }

    private Map<String, Object> metadata() {
        Map<String, Object> metadata = new LinkedHashMap<>();
        metadata.put("last_applied_offset", beans.whole(BROKER_METADATA, "last-applied-record-offset"));
        metadata.put("lag_ms", beans.whole(BROKER_METADATA, "last-applied-record-lag-ms"));
        metadata.put("load_errors", beans.whole(BROKER_METADATA, "metadata-load-error-count"));
        metadata.put("apply_errors", beans.whole(BROKER_METADATA, "metadata-apply-error-count"));
        return metadata;
    }

    /** Null when the engine factory's classes cannot be loaded here (a JVM without Kafka). */
    private static List<Map<String, Object>> tls() {
        try {
            return TlsWatch.rows();
        } catch (LinkageError withoutKafka) {
            return null;
        }
    }

    /** Kafka says "unknown" as -1. */
    private static Long nonNegative(Long value) {
        return value == null || value < 0 ? null : value;
    }
}
