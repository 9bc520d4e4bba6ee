package dev.klamm.kafka;

import java.lang.management.GarbageCollectorMXBean;
import java.lang.management.ManagementFactory;
import java.lang.management.MemoryUsage;
import java.util.LinkedHashMap;
import java.util.Map;

/** The numbers worth a graph, by stable names of our own; null is unknown. Rates and times as Kafka computes them. */
final class Metrics {
    private static final String TOPICS = "kafka.server:type=BrokerTopicMetrics,name=";
    private static final String REQUEST_TIME = "kafka.network:type=RequestMetrics,name=TotalTimeMs,request=";
    private static final String REPLICAS = "kafka.server:type=ReplicaManager,name=";

    private Metrics() {}

    static Map<String, Object> read(Beans beans) {
        Map<String, Object> metrics = new LinkedHashMap<>();
        metrics.put("bytes_in_total", beans.read(TOPICS + "BytesInPerSec", "Count"));
        metrics.put("bytes_out_total", beans.read(TOPICS + "BytesOutPerSec", "Count"));
        metrics.put("messages_in_total", beans.read(TOPICS + "MessagesInPerSec", "Count"));
        metrics.put("failed_produce_requests_total", beans.read(TOPICS + "FailedProduceRequestsPerSec", "Count"));
        metrics.put("failed_fetch_requests_total", beans.read(TOPICS + "FailedFetchRequestsPerSec", "Count"));
        metrics.put("produce_time_ms_p99", beans.read(REQUEST_TIME + "Produce", "99thPercentile"));
        metrics.put("fetch_consumer_time_ms_p99", beans.read(REQUEST_TIME + "FetchConsumer", "99thPercentile"));
        metrics.put("fetch_follower_time_ms_p99", beans.read(REQUEST_TIME + "FetchFollower", "99thPercentile"));
        metrics.put("request_queue_size", beans.read("kafka.network:type=RequestChannel,name=RequestQueueSize",
                "Value"));
        metrics.put("handler_idle_ratio",
                beans.read("kafka.server:type=KafkaRequestHandlerPool,name=RequestHandlerAvgIdlePercent",
                        "OneMinuteRate"));
        metrics.put("network_idle_ratio",
                beans.read("kafka.network:type=SocketServer,name=NetworkProcessorAvgIdlePercent", "Value"));
        metrics.put("isr_shrinks_total", beans.read(REPLICAS + "IsrShrinksPerSec", "Count"));
        metrics.put("isr_expands_total", beans.read(REPLICAS + "IsrExpandsPerSec", "Count"));
        metrics.put("unclean_elections_total",
                beans.read("kafka.controller:type=ControllerStats,name=UncleanLeaderElectionsPerSec", "Count"));
        metrics.put("log_flush_ms_p99",
                beans.read("kafka.log:type=LogFlushStats,name=LogFlushRateAndTimeMs", "99thPercentile"));
        MemoryUsage heap = ManagementFactory.getMemoryMXBean().getHeapMemoryUsage();
        metrics.put("heap_used_bytes", heap.getUsed());
        metrics.put("heap_max_bytes", heap.getMax() < 0 ? null : heap.getMax());
        metrics.put("threads", ManagementFactory.getThreadMXBean().getThreadCount());
        metrics.put("gc", collectors());
        return metrics;
    }

    private static Map<String, Object> collectors() {
        Map<String, Object> collectors = new LinkedHashMap<>();
        for (GarbageCollectorMXBean collector : ManagementFactory.getGarbageCollectorMXBeans()) {
            Map<String, Object> row = new LinkedHashMap<>();
            row.put("count", collector.getCollectionCount());
            row.put("time_ms", collector.getCollectionTime());
            collectors.put(collector.getName(), row);
        }
        return collectors;
    }
}
