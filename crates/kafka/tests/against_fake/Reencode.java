import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.RecordBatch;
import org.apache.kafka.common.requests.AbstractRequest;
import org.apache.kafka.common.requests.ProduceRequest;
import org.apache.kafka.common.requests.RequestHeader;

/** Reads one request per line as hex, parses it with Kafka's classes, writes it again, and compares. */
public final class Reencode {
    public static void main(String[] arguments) throws Exception {
        int identical = 0;
        int different = 0;
        for (String line : Files.readAllLines(Path.of(arguments[0]))) {
            byte[] ours = HexFormat.of().parseHex(line);
            String what = "unparsed";
            try {
                ByteBuffer buffer = ByteBuffer.wrap(ours);
                RequestHeader header = RequestHeader.parse(buffer);
                what = header.apiKey() + " v" + header.apiVersion();
                AbstractRequest request =
                    AbstractRequest.parseRequest(header.apiKey(), header.apiVersion(), new ByteBufferAccessor(buffer)).request;
                if (buffer.hasRemaining()) throw new IllegalStateException(buffer.remaining() + " bytes left over");
                if (request instanceof ProduceRequest produce) check(produce);
                byte[] theirs = toArray(request.serializeWithHeader(header));
                if (!HexFormat.of().formatHex(theirs).equals(line)) throw new IllegalStateException("bytes differ");
                identical++;
            } catch (Exception failure) {
                different++;
                System.out.println(what + ": " + failure);
            }
        }
        System.out.println("identical " + identical + " different " + different);
    }

    /** The batch inside must satisfy Kafka's own checks too. */
    private static void check(ProduceRequest request) {
        request.data().topicData().forEach(topic -> topic.partitionData().forEach(partition -> {
            for (RecordBatch batch : ((MemoryRecords) partition.records()).batches()) {
                batch.ensureValid();
                int[] count = {0};
                batch.forEach(record -> count[0]++);
                if (count[0] != 2) throw new IllegalStateException(count[0] + " records in the batch");
            }
        }));
    }

    private static byte[] toArray(ByteBuffer buffer) {
        byte[] bytes = new byte[buffer.remaining()];
        buffer.get(bytes);
        return bytes;
    }
}
