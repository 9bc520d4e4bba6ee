package dev.klamm.kafka;

import static dev.klamm.kafka.Suite.check;
import static dev.klamm.kafka.Suite.equal;
import static dev.klamm.kafka.Suite.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** The observer in a JVM of its own that knows nothing of Kafka: the protocol, and that it never harms its host. */
final class ObserverTest {
    private static final Duration START = Duration.ofSeconds(30);

    private ObserverTest() {}

    /** What the observed JVM runs: waits for the end of its input, then says so. */
    static final class Host {
        private Host() {}

        public static void main(String[] args) throws IOException {
            if (args.length > 0) {
                throw new IOException("told to fail: " + String.join(" ", args));
            }
            while (System.in.read() >= 0) {
                continue;
            }
            System.out.println("main ended");
        }
    }

    public static void status_of_a_jvm_without_kafka_is_all_unknown() throws Exception {
        Path socket = folder().resolve("observer.sock");
        Process host = start(socket.toString());
        try {
            JsonNode status = waitFor(socket);
            equal(1, status.get("version").intValue(), "version");
            equal(host.pid(), status.get("pid").longValue(), "pid");
            check(status.get("uptime_ms").longValue() >= 0, "uptime");
            equal("jvm", status.get("stage").textValue(), "stage");
            for (String part : new String[] {"broker", "recovery", "raft", "controller", "replicas", "metadata"}) {
                status.get(part).forEach(value -> check(value.isNull(), part + " is unknown: " + status));
            }
            equal("rw-------", PosixFilePermissions.toString(Files.getPosixFilePermissions(socket)), "mode");
            JsonNode metrics = new ObjectMapper().readTree(ask(socket, "metrics\n")).get("metrics");
            check(metrics.get("bytes_in_total").isNull(), "unknown metric");
            check(metrics.get("heap_used_bytes").longValue() > 0, "heap");
        } finally {
            end(host);
        }
    }

    public static void unknown_empty_long_and_slow_requests_hold_nobody_up() throws Exception {
        Path socket = folder().resolve("observer.sock");
        Process host = start(socket.toString());
        List<SocketChannel> silent = new ArrayList<>();
        try {
            waitFor(socket);
            for (int i = 0; i < 8; i++) {
                silent.add(open(socket));
            }
            long start = System.nanoTime();
            check(ask(socket, "status\n").startsWith("{\"version\":1,"), "served beside silent clients");
            long took = (System.nanoTime() - start) / 1_000_000;
            check(took < 1_000, "took " + took + " ms beside silent clients");
            check(ask(socket, "hello\n").contains("unknown request"), "an unknown request is told so");
            equal("", ask(socket, "x".repeat(4_096)), "a long request is dropped");
            equal("", ask(socket, ""), "an empty request is dropped after its time");
            check(ask(socket, "status\r\n").startsWith("{"), "served afterwards");
            for (SocketChannel channel : silent) {
                equal(-1, channel.read(ByteBuffer.allocate(1)), "a silent client is dropped");
            }
        } finally {
            for (SocketChannel channel : silent) {
                channel.close();
            }
            end(host);
        }
    }

    public static void a_stale_socket_is_replaced() throws Exception {
        Path socket = folder().resolve("observer.sock");
        Process first = start(socket.toString());
        waitFor(socket);
        first.destroyForcibly().waitFor();
        check(Files.exists(socket), "the killed JVM left its socket");
        Process second = start(socket.toString());
        try {
            within(START, "the second answers", () -> answers(socket)
                    && new ObjectMapper().readTree(ask(socket, "status\n")).get("pid").longValue() == second.pid());
            try (var files = Files.list(socket.getParent())) {
                equal(1L, files.count(), "files left in the folder");
            }
        } finally {
            end(second);
        }
    }

    public static void what_it_cannot_serve_never_stops_the_main() throws Exception {
        Path folder = folder();
        Path file = Files.writeString(folder.resolve("precious"), "data");
        for (String socket : new String[] {"", file.toString(), "/nowhere/observer.sock",
            folder.resolve("x".repeat(120)).toString()}) {
            Process host = start(socket);
            within(START, "told on standard error: " + socket, () -> host.getErrorStream().available() > 0);
            String said = new String(host.getErrorStream().readNBytes(host.getErrorStream().available()));
            check(said.contains("klamm observer: not serving"), said);
            end(host);
        }
        equal("data", Files.readString(file), "a file that is no socket stays");
    }

    public static void launched_without_an_agent_it_serves_and_the_main_is_as_if_run_directly() throws Exception {
        Path socket = folder().resolve("observer.sock");
        Process host = java(Launch.class.getName(), socket.toString(), Host.class.getName());
        equal(host.pid(), waitFor(socket).get("pid").longValue(), "pid");
        end(host);
        Process failing = java(Launch.class.getName(), socket.toString(), Host.class.getName(), "a", "b c");
        equal(1, failing.waitFor(), "exit status of a main that throws");
        String said = new String(failing.getErrorStream().readAllBytes());
        check(said.contains("java.io.IOException: told to fail: a b c"), said);
        check(!said.contains("InvocationTarget"), said);
    }

    public static void json_is_written_as_the_standard_says() throws Exception {
        java.util.Map<String, Object> map = new java.util.LinkedHashMap<>();
        map.put("text", "a\"b\\c\n\u0001ü\ud83d\ude00");
        map.put("numbers", List.of(1, 2L, 1.5, Double.NaN, Double.POSITIVE_INFINITY));
        map.put("none", null);
        map.put("empty", java.util.Map.of());
        JsonNode read = new ObjectMapper().readTree(Json.write(map));
        equal(map.get("text"), read.get("text").textValue(), "text");
        equal("[1,2,1.5,null,null]", read.get("numbers").toString(), "numbers");
        check(read.get("none").isNull(), "null");
        equal(0, read.get("empty").size(), "empty");
    }

    static JsonNode waitFor(Path socket) throws Exception {
        within(START, "the observer answers", () -> answers(socket));
        return new ObjectMapper().readTree(ask(socket, "status\n"));
    }

    private static boolean answers(Path socket) {
        try (SocketChannel channel = open(socket)) {
            return channel.isConnected();
        } catch (IOException notYet) {
            return false;
        }
    }

    static String ask(Path socket, String request) throws IOException {
        try (SocketChannel channel = open(socket)) {
            try {
                ByteBuffer bytes = ByteBuffer.wrap(request.getBytes());
                while (bytes.hasRemaining()) {
                    channel.write(bytes);
                }
                ByteArrayOutputStream answer = new ByteArrayOutputStream();
                ByteBuffer part = ByteBuffer.allocate(4_096);
                while (channel.read(part.clear()) >= 0) {
                    answer.write(part.array(), 0, part.position());
                }
                return answer.toString(java.nio.charset.StandardCharsets.UTF_8);
            } catch (IOException dropped) {
                return "";
            }
        }
    }

    private static SocketChannel open(Path socket) throws IOException {
        SocketChannel channel = SocketChannel.open(StandardProtocolFamily.UNIX);
        try {
            channel.connect(UnixDomainSocketAddress.of(socket));
            return channel;
        } catch (IOException e) {
            channel.close();
            throw e;
        }
    }

    /** Short, because the path of a Unix socket has 108 bytes. */
    private static Path folder() throws IOException {
        return Files.createTempDirectory(Suite.WORK, "o");
    }

    private static Process start(String socket) throws IOException {
        return java("-javaagent:" + Suite.JAR + "=" + socket, Host.class.getName());
    }

    private static Process java(String... arguments) throws IOException {
        String tests = Path.of(java.net.URI.create(
                ObserverTest.class.getProtectionDomain().getCodeSource().getLocation().toString())).toString();
        List<String> command = new ArrayList<>(List.of(System.getProperty("java.home") + "/bin/java",
                "-XX:TieredStopAtLevel=1", "-Xmx32m", "-cp", Suite.JAR + ":" + tests));
        command.addAll(List.of(arguments));
        return new ProcessBuilder(command).start();
    }

    /** The main must end by itself, with success: the observer's thread does not keep it. */
    private static void end(Process host) throws Exception {
        host.getOutputStream().close();
        check(host.waitFor(30, TimeUnit.SECONDS), "the main ends although the observer serves");
        equal(0, host.exitValue(), "exit status");
        equal("main ended", new String(host.getInputStream().readAllBytes()).trim(), "output");
    }
}
