package dev.klamm.kafka;

import static dev.klamm.kafka.Suite.check;
import static dev.klamm.kafka.Suite.equal;
import static dev.klamm.kafka.Suite.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.math.BigInteger;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManager;
import javax.net.ssl.X509ExtendedTrustManager;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;

/** One real Kafka node, mTLS on every listener through the factory, seen through the observer, renewed while it runs. */
final class NodeTest {
    private static final Duration START = Duration.ofSeconds(120);
    private static final Duration SEEN = Duration.ofSeconds(4);
    private static final String NODES = "RULE:^CN=[^,]+,OU=nodes,O=tele$/node:tele/";
    private static final String USERS = "RULE:^CN=([A-Za-z0-9._-]+),OU=users,O=tele$/$1/";

    private NodeTest() {}

    public static void a_real_node_is_renewed_and_rotated_live_and_survives_a_bad_generation() throws Exception {
        Node node = new Node(true);
        try {
            JsonNode status = node.waitUntilRunning();
            equal("leader", status.get("raft").get("state").textValue(), "raft state");
            equal(1, status.get("raft").get("leader").intValue(), "raft leader");
            equal(1, status.get("controller").get("active").intValue(), "active controllers");
            equal(2, status.get("tls").size(), "key and trust pairs: " + status.get("tls"));
            node.createTopic("first", "node-1");
            within(SEEN, "the partition is counted", () -> node.status().get("replicas").get("partitions").intValue() == 1);
            check(node.metrics().get("metrics").get("network_idle_ratio").isNumber(), "metrics: " + node.metrics());

            node.serves("node-1");
            node.slot.swapTo(node.slot.add("node-2"));
            node.serves("node-2");
            node.slot.swapTo(node.slot.add("node-3"));
            node.serves("node-3");
            node.createTopic("second", "node-3");
            node.slot.swapTo(node.slot.add("mismatch"));
            within(SEEN, "the bad generation is told", () -> node.tlsErrors().size() == 2);
            node.serves("node-3");
            node.createTopic("third", "node-3");
            node.slot.swapTo(node.slot.add("node-4"));
            node.serves("node-4");
            within(SEEN, "no error is left", () -> node.tlsErrors().isEmpty());
            node.createTopic("fourth", "node-4");
            String log = Files.readString(node.log);
            check(log.contains("does not match the first certificate"), "the refusal is in the log");
            check(!log.contains("failed authentication due to"), "no connection that the node made failed");
        } finally {
            node.stop();
        }
    }

    public static void strangers_are_refused_in_the_handshake_without_a_stack_trace() throws Exception {
        Node node = new Node(true);
        try {
            node.waitUntilRunning();
            node.reaches(node.clients, "alice");
            for (String stranger : new String[] {"nobody", "foreign", "node-2"}) {
                node.isRefused(node.clients, stranger);
            }
            for (String stranger : new String[] {"alice", "foreign"}) {
                node.isRefused(node.internal, stranger);
                node.isRefused(node.controller, stranger);
            }
            String log = Files.readString(node.log);
            check(log.contains("SSL handshake failed"), "the refusals are in the log, a line each");
            check(!log.contains("\tat "), "a stack trace in the log");
            boolean counted = false;
            for (JsonNode row : node.status().get("tls")) {
                counted |= row.get("refused_unmapped").intValue() > 0;
            }
            check(counted, "counted as unmapped: " + node.status().get("tls"));
        } finally {
            node.stop();
        }
    }

    public static void the_same_properties_start_without_the_factory_and_the_observer() throws Exception {
        Node node = new Node(false);
        try {
            within(START, "the stock node serves", () -> node.serving(node.clients) != null);
            equal(ReloadTest.serial("node-1"), node.serving(node.clients), "served by Kafka's own factory");
            node.reaches(node.clients, "alice");
        } finally {
            node.stop();
        }
    }

    private static final class Node {
        final Pki.Slot slot = new Pki.Slot("node-1");
        final int controller = freePort();
        final int internal = freePort();
        final int clients = freePort();
        final Path home = Files.createTempDirectory(Suite.WORK, "n");
        final Path log = home.resolve("server.log");
        final Path socket = home.resolve("observer.sock");
        final Process process;

        Node(boolean withKlamm) throws Exception {
            Files.writeString(home.resolve("log4j.properties"), "log4j.rootLogger=INFO,out\n"
                    + "log4j.appender.out=org.apache.log4j.ConsoleAppender\n"
                    + "log4j.appender.out.layout=org.apache.log4j.EnhancedPatternLayout\n"
                    + "log4j.appender.out.layout.ConversionPattern=%p %m%n\n");
            Path properties = Files.writeString(home.resolve("server.properties"), String.join("\n", lines(withKlamm)));
            run("kafka.tools.StorageTool", "format", "-t", "q83vASNFZ4mrze8BI0VniQ", "--standalone", "-c",
                    properties.toString()).waitFor(60, TimeUnit.SECONDS);
            process = withKlamm
                    ? run(Launch.class.getName(), socket.toString(), "kafka.Kafka", properties.toString())
                    : run("kafka.Kafka", properties.toString());
        }

        private List<String> lines(boolean withKlamm) {
            List<String> lines = new ArrayList<>(List.of(
                    "process.roles=broker,controller", "node.id=1",
                    "listeners=CONTROLLER://127.0.0.1:" + controller + ",INTERNAL://127.0.0.1:" + internal
                            + ",CLIENTS://127.0.0.1:" + clients,
                    "advertised.listeners=CONTROLLER://localhost:" + controller + ",INTERNAL://localhost:" + internal
                            + ",CLIENTS://localhost:" + clients,
                    "listener.security.protocol.map=CONTROLLER:SSL,INTERNAL:SSL,CLIENTS:SSL",
                    "controller.listener.names=CONTROLLER", "inter.broker.listener.name=INTERNAL",
                    "controller.quorum.bootstrap.servers=localhost:" + controller, "log.dirs=" + home.resolve("data"),
                    "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer",
                    "super.users=User:node:tele", "ssl.client.auth=required",
                    "offsets.topic.replication.factor=1"));
            tls(lines, "", "nodes", NODES, withKlamm);
            tls(lines, "listener.name.controller.", "nodes", NODES, withKlamm);
            tls(lines, "listener.name.internal.", "nodes", NODES, withKlamm);
            tls(lines, "listener.name.clients.", "users", USERS, withKlamm);
            return lines;
        }

        private void tls(List<String> lines, String prefix, String trust, String rules, boolean withKlamm) {
            lines.add(prefix + "ssl.keystore.type=PEM");
            lines.add(prefix + "ssl.keystore.location=" + slot.current().resolve("node.pem"));
            lines.add(prefix + "ssl.truststore.type=PEM");
            lines.add(prefix + "ssl.truststore.location=" + slot.current().resolve("trust-" + trust + ".pem"));
            lines.add(prefix + "ssl.client.auth=required");
            lines.add(prefix + "ssl.principal.mapping.rules=" + rules.replace("\\", "\\\\"));
            if (withKlamm) {
                lines.add(prefix + "ssl.engine.factory.class=" + KlammSslEngineFactory.class.getName());
            }
        }

        private Process run(String... arguments) throws IOException {
            List<String> command = new ArrayList<>(List.of(System.getProperty("java.home") + "/bin/java",
                    "-XX:TieredStopAtLevel=1", "-Xmx512m", "-Dorg.apache.logging.log4j.level=INFO",
                    "-Dlog4j.configuration=file:" + home.resolve("log4j.properties"), "-Dkafka.logs.dir=" + home));
            command.addAll(List.of("-cp", Suite.JAR + ":" + Suite.LIBS.resolve("*")));
            command.addAll(List.of(arguments));
            return new ProcessBuilder(command).redirectErrorStream(true)
                    .redirectOutput(ProcessBuilder.Redirect.appendTo(log.toFile())).start();
        }

        JsonNode waitUntilRunning() throws Exception {
            ObserverTest.waitFor(socket);
            List<String> stages = new ArrayList<>();
            within(START, "the node runs; see " + log, () -> {
                check(process.isAlive(), "the node ended: " + Files.readString(log));
                String stage = status().get("stage").textValue();
                if (!stages.contains(stage)) {
                    stages.add(stage);
                }
                return stage.equals("running");
            });
            check(stages.size() > 1, "more than one stage is seen: " + stages);
            return status();
        }

        JsonNode status() throws IOException {
            return new ObjectMapper().readTree(ObserverTest.ask(socket, "status\n"));
        }

        JsonNode metrics() throws IOException {
            return new ObjectMapper().readTree(ObserverTest.ask(socket, "metrics\n"));
        }

        List<String> tlsErrors() throws IOException {
            List<String> errors = new ArrayList<>();
            for (JsonNode row : status().get("tls")) {
                if (!row.get("last_error").isNull()) {
                    errors.add(row.get("last_error").get("text").textValue());
                }
            }
            return errors;
        }

        void serves(String folder) throws Exception {
            for (int port : new int[] {controller, internal, clients}) {
                within(SEEN, folder + " on port " + port, () -> ReloadTest.serial(folder).equals(serving(port)));
            }
        }

        /** The serial that a port shows to whoever asks; null when it does not answer. */
        BigInteger serving(int port) throws Exception {
            List<BigInteger> seen = new ArrayList<>();
            SSLContext context = SSLContext.getInstance("TLS");
            context.init(null, new TrustManager[] {new Onlooker(serial -> seen.add(serial))}, null);
            try (SSLSocket connection = (SSLSocket) context.getSocketFactory().createSocket("127.0.0.1", port)) {
                connection.setSoTimeout(5_000);
                connection.startHandshake();
            } catch (IOException refusedAfterTheServersCertificate) {
                check(seen.size() <= 1, "one certificate");
            }
            return seen.isEmpty() ? null : seen.get(0);
        }

        void createTopic(String name, String as) throws Exception {
            try (Admin admin = admin(internal, as)) {
                admin.createTopics(List.of(new NewTopic(name, 1, (short) 1))).all().get(20, TimeUnit.SECONDS);
            }
        }

        void reaches(int port, String as) throws Exception {
            try (Admin admin = admin(port, as)) {
                equal(1, admin.describeCluster().nodes().get(20, TimeUnit.SECONDS).size(), as + " sees the node");
            }
        }

        void isRefused(int port, String as) throws Exception {
            try (Admin admin = admin(port, as)) {
                admin.describeCluster().nodes().get(20, TimeUnit.SECONDS);
            } catch (ExecutionException e) {
                check(e.getCause() instanceof org.apache.kafka.common.errors.SslAuthenticationException,
                        as + " is refused by TLS, found " + e.getCause());
                return;
            }
            throw new AssertionError(as + " was let in on port " + port);
        }

        private Admin admin(int port, String as) {
            Map<String, Object> configs = new HashMap<>();
            configs.put(port == controller ? "bootstrap.controllers" : "bootstrap.servers", "localhost:" + port);
            configs.put("security.protocol", "SSL");
            for (String key : new String[] {"ssl.keystore.type", "ssl.keystore.location", "ssl.truststore.type",
                "ssl.truststore.location"}) {
                configs.put(key, Pki.configs(as, "nodes").get(key));
            }
            configs.put("ssl.engine.factory.class", KlammSslEngineFactory.class);
            configs.put("default.api.timeout.ms", 15_000);
            configs.put("request.timeout.ms", 10_000);
            return Admin.create(configs);
        }

        void stop() throws InterruptedException {
            process.destroy();
            if (!process.waitFor(60, TimeUnit.SECONDS)) {
                process.destroyForcibly().waitFor();
            }
        }

        private static int freePort() throws IOException {
            try (ServerSocket free = new ServerSocket(0)) {
                return free.getLocalPort();
            }
        }
    }

    /** Looks at the server's certificate and believes it: this test asks who is there, not whether to trust it. */
    private static final class Onlooker extends X509ExtendedTrustManager {
        private final Predicate<BigInteger> seen;

        Onlooker(Predicate<BigInteger> seen) {
            this.seen = seen;
        }

        @Override
        public void checkServerTrusted(java.security.cert.X509Certificate[] chain, String type) {
            seen.test(chain[0].getSerialNumber());
        }

        @Override
        public void checkServerTrusted(java.security.cert.X509Certificate[] chain, String type, java.net.Socket socket) {
            checkServerTrusted(chain, type);
        }

        @Override
        public void checkServerTrusted(java.security.cert.X509Certificate[] chain, String type, javax.net.ssl.SSLEngine engine) {
            checkServerTrusted(chain, type);
        }

        @Override
        public void checkClientTrusted(java.security.cert.X509Certificate[] chain, String type) {}

        @Override
        public void checkClientTrusted(java.security.cert.X509Certificate[] chain, String type, java.net.Socket socket) {}

        @Override
        public void checkClientTrusted(java.security.cert.X509Certificate[] chain, String type, javax.net.ssl.SSLEngine engine) {}

        @Override
        public java.security.cert.X509Certificate[] getAcceptedIssuers() {
            return new java.security.cert.X509Certificate[0];
        }
    }
}
