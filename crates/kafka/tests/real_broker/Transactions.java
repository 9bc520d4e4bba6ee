import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/** Writes transactions that end in every way, one of them not at all, and prints what Kafka's own consumer makes of them. */
public final class Transactions {
    private static String bootstrap;
    private static String topic;

    public static void main(String[] arguments) {
        bootstrap = arguments[0];
        topic = arguments[1];
        var first = producer("first", "lz4");
        var second = producer("second", "none");
        var plain = producer(null, "lz4");
        for (int round = 0; round < 3; round++) {
            first.beginTransaction();
            second.beginTransaction();
            write(first, "kept-" + round);
            write(second, "dropped-" + round);
            write(plain, "plain-" + round);
            write(first, "kept-later-" + round);
            first.commitTransaction();
            first.beginTransaction();
            write(first, "dropped-too-" + round);
            second.abortTransaction();
            write(plain, "plain-later-" + round);
            first.abortTransaction();
        }
        second.beginTransaction();
        write(second, "open");
        first.beginTransaction();
        write(first, "committed-behind-open");
        first.commitTransaction();
        write(plain, "behind-open");
        print("read_committed");
        print("read_uncommitted");
        // Not closed: that would abort what is open.
        System.out.flush();
        Runtime.getRuntime().halt(0);
    }

    private static KafkaProducer<String, String> producer(String transactionalId, String compression) {
        var settings = new java.util.HashMap<String, Object>(Map.of("bootstrap.servers", bootstrap, "compression.type", compression));
        if (transactionalId != null) {
            settings.put("transactional.id", transactionalId);
            settings.put("transaction.timeout.ms", 600_000);
        }
        var producer = new KafkaProducer<>(settings, new StringSerializer(), new StringSerializer());
        if (transactionalId != null) producer.initTransactions();
        return producer;
    }

    private static void write(KafkaProducer<String, String> producer, String value) {
        for (int index = 0; index < 20; index++) {
            producer.send(new ProducerRecord<>(topic, index % 2, null, value + "-" + index));
        }
        producer.flush();
    }

    private static void print(String isolation) {
        Map<String, Object> settings = Map.of("bootstrap.servers", bootstrap, "isolation.level", isolation);
        try (var consumer = new KafkaConsumer<>(settings, new StringDeserializer(), new StringDeserializer())) {
            var partitions = List.of(new TopicPartition(topic, 0), new TopicPartition(topic, 1));
            consumer.assign(partitions);
            consumer.seekToBeginning(partitions);
            var ends = consumer.endOffsets(partitions);
            var records = new ArrayList<ConsumerRecord<String, String>>();
            while (!partitions.stream().allMatch(partition -> consumer.position(partition) >= ends.get(partition))) {
                consumer.poll(java.time.Duration.ofMillis(100)).forEach(records::add);
            }
            for (var record : records) {
                System.out.println(String.join(" ", isolation, "" + record.partition(), "" + record.offset(), record.value()));
            }
        }
    }
}
