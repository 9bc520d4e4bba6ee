package dev.klamm.kafka;

import static dev.klamm.kafka.Suite.check;
import static dev.klamm.kafka.Suite.equal;
import static dev.klamm.kafka.Suite.within;

import java.io.OutputStream;
import java.lang.management.ManagementFactory;
import java.math.BigInteger;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import javax.management.MBeanServer;
import javax.management.ObjectName;
import javax.net.ssl.SSLEngine;

/** A new generation is served soon, a bad one never, and the disk is nobody's business but the watch's. */
final class ReloadTest {
    private static final Duration SEEN = Duration.ofSeconds(3);

    private ReloadTest() {}

    public static void a_new_generation_is_served_within_three_seconds_by_all_factories() throws Exception {
        Pki.Slot slot = new Pki.Slot("node-1");
        KlammSslEngineFactory nodes = factory(slot, "nodes");
        KlammSslEngineFactory again = factory(slot, "nodes");
        KlammSslEngineFactory client = fixed("node-2");
        equal(serial("node-1"), served(nodes, client), "before");
        slot.swapTo(slot.add("node-2"));
        within(SEEN, "the new serial", () -> serial("node-2").equals(served(nodes, client)));
        equal(serial("node-2"), served(again, client), "the other factory");
        equal("gen-000002", row(slot).get("generation"), "generation in the status");
        equal(hex("node-2"), row(slot).get("serial"), "serial in the status");
        equal("2090-01-01T00:00:00Z", row(slot).get("not_after"), "not after in the status");
        equal(2, row(slot).get("factories"), "factories in the status");
        slot.swapTo(slot.tls.resolve("gen-000001"));
        within(SEEN, "the way back", () -> serial("node-1").equals(served(nodes, client)));
    }

    public static void an_authority_is_rotated_in_three_phases_without_a_refused_handshake() throws Exception {
        Pki.Slot slot = new Pki.Slot("node-1");
        KlammSslEngineFactory node = factory(slot, "nodes");
        for (String phase : new String[] {"node-3", "node-4"}) {
            slot.swapTo(slot.add(phase));
            within(SEEN, phase, () -> Handshake.between(node, node).ok()
                    && serial(phase).equals(Pki.first(node.keystore().getCertificate("kafka").getEncoded()).getSerialNumber()));
        }
        check(!Handshake.between(node, fixed("node-1")).ok(), "the old authority is forgotten");
    }

    public static void a_bad_generation_is_refused_with_a_reason_and_the_last_good_one_stays() throws Exception {
        for (String[] bad : new String[][] {{"mismatch", "does not match"}, {"chain-astray", "was issued by"},
            {"expired", "expired at"}, {"future", "not valid before"}}) {
            Pki.Slot slot = new Pki.Slot("node-1");
            KlammSslEngineFactory node = factory(slot, "nodes");
            slot.swapTo(slot.add(bad[0]));
            refusedAndKept(slot, node, bad[1]);
            node.close();
        }
        for (String[] bad : new String[][] {{"node.pem", "no private key"}, {"trust-nodes.pem", "no certificate"},
            {"deny.txt", "line 1"}}) {
            Pki.Slot slot = new Pki.Slot("node-1");
            KlammSslEngineFactory node = factory(slot, "nodes");
            Path folder = slot.add("node-2");
            Files.writeString(folder.resolve(bad[0]), "rubbish\n");
            slot.swapTo(folder);
            refusedAndKept(slot, node, bad[1]);
            slot.swapTo(slot.add("node-2"));
            within(SEEN, "the next good one", () -> row(slot).get("last_error") == null);
            equal(serial("node-2"), served(node, fixed("node-1")), "after the next good one");
            node.close();
        }
    }

    public static void a_generation_without_its_files_and_a_link_to_nowhere_are_refused() throws Exception {
        Pki.Slot slot = new Pki.Slot("node-1");
        KlammSslEngineFactory node = factory(slot, "nodes");
        Path folder = slot.add("node-2");
        Files.delete(folder.resolve("trust-nodes.pem"));
        slot.swapTo(folder);
        refusedAndKept(slot, node, "NoSuchFile");
        slot.swapTo(Path.of("gen-999999"));
        refusedAndKept(slot, node, "/current");
    }

    public static void an_expired_generation_is_used_when_there_is_no_other() throws Exception {
        Pki.Slot slot = new Pki.Slot("expired");
        KlammSslEngineFactory node = factory(slot, "nodes");
        equal("client refused", Handshake.between(node, fixed("node-1")).outcome, "a peer sees that it expired");
        slot.swapTo(slot.add("node-2"));
        within(SEEN, "the renewed one", () -> Handshake.between(node, fixed("node-1")).ok());
        equal(serial("node-2"), served(node, fixed("node-1")), "the renewed one");
    }

    public static void files_replaced_in_a_plain_folder_are_seen_too() throws Exception {
        Path folder = Files.createTempDirectory(Suite.WORK, "plain");
        copy("node-1", folder);
        KlammSslEngineFactory node = new KlammSslEngineFactory();
        node.configure(Pki.configs(folder, "nodes"));
        copy("node-2", folder);
        within(SEEN, "the new serial", () -> serial("node-2").equals(served(node, fixed("node-1"))));
        node.close();
    }

    public static void a_hung_disk_blocks_neither_engines_nor_new_factories() throws Exception {
        Pki.Slot slot = new Pki.Slot("node-1");
        KlammSslEngineFactory node = factory(slot, "nodes");
        KlammSslEngineFactory client = fixed("node-2");
        Path folder = slot.add("node-2");
        Files.delete(folder.resolve("node.pem"));
        int made = new ProcessBuilder("mkfifo", folder.resolve("node.pem").toString()).start().waitFor();
        equal(0, made, "mkfifo");
        slot.swapTo(folder);
        within(SEEN, "the watch hangs in the read", ReloadTest::watchHangs);
        long start = System.nanoTime();
        for (int i = 0; i < 200; i++) {
            equal(serial("node-1"), served(node, client), "while the disk hangs");
        }
        KlammSslEngineFactory late = factory(slot, "nodes");
        equal(serial("node-1"), served(late, client), "a factory made while the disk hangs");
        row(slot);
        long took = (System.nanoTime() - start) / 1_000_000;
        check(took < 5_000, "200 handshakes took " + took + " ms");
        check(watchHangs(), "the watch hung all the while");
        try (OutputStream release = Files.newOutputStream(folder.resolve("node.pem"))) {
            release.write("rubbish".getBytes());
        }
        slot.swapTo(slot.add("node-2"));
        within(Duration.ofSeconds(5), "a new generation after the hang", () -> serial("node-2").equals(served(node, client)));
    }

    public static void connections_on_an_old_generation_are_counted_until_they_close() throws Exception {
        Pki.Slot slot = new Pki.Slot("node-1");
        KlammSslEngineFactory node = factory(slot, "nodes");
        SSLEngine old = node.createServerSslEngine("a", 1);
        slot.swapTo(slot.add("node-2"));
        within(SEEN, "the swap", () -> "gen-000002".equals(row(slot).get("generation")));
        SSLEngine fresh = node.createClientSslEngine("a", 1, "https");
        equal(Map.of("gen-000001", 1L, "gen-000002", 1L), row(slot).get("engines_in_use"), "in use");
        equal(1L, row(slot).get("server_engines"), "server engines");
        equal(1L, row(slot).get("client_engines"), "client engines");
        old.closeOutbound();
        old.wrap(java.nio.ByteBuffer.allocate(0), java.nio.ByteBuffer.allocate(1 << 16));
        try {
            old.closeInbound();
        } catch (javax.net.ssl.SSLException closedBeforeTheHandshake) {
            check(old.isInboundDone(), "closed");
        }
        equal(Map.of("gen-000002", 1L), row(slot).get("engines_in_use"), "in use after closing");
        check(fresh.getUseClientMode(), "still there");
    }

    public static void a_source_has_an_mbean_for_as_long_as_a_factory_uses_it() throws Exception {
        Pki.Slot slot = new Pki.Slot("node-1");
        KlammSslEngineFactory node = factory(slot, "nodes");
        MBeanServer beans = ManagementFactory.getPlatformMBeanServer();
        ObjectName name = new ObjectName("klamm:type=tls,source=" + row(slot).get("source"));
        equal(hex("node-1"), beans.getAttribute(name, "Serial"), "serial");
        equal("gen-000001", beans.getAttribute(name, "Generation"), "generation");
        equal(null, beans.getAttribute(name, "LastError"), "last error");
        node.close();
        within(SEEN, "the bean is gone", () -> !beans.isRegistered(name));
        equal(null, row(slot), "row of a source without factories");
    }

    private static void refusedAndKept(Pki.Slot slot, KlammSslEngineFactory node, String why) throws Exception {
        within(SEEN, why, () -> row(slot).get("last_error") != null
                && ((Map<?, ?>) row(slot).get("last_error")).get("text").toString().contains(why));
        equal("gen-000001", row(slot).get("generation"), "generation after " + why);
        equal(serial("node-1"), served(node, fixed("node-1")), "served after " + why);
    }

    private static boolean watchHangs() {
        for (Map.Entry<Thread, StackTraceElement[]> entry : Thread.getAllStackTraces().entrySet()) {
            if (entry.getKey().getName().equals("klamm-tls-watch")) {
                for (StackTraceElement frame : entry.getValue()) {
                    if (frame.getMethodName().equals("open0") || frame.getMethodName().equals("newInputStream")) {
                        return true;
                    }
                }
            }
        }
        return false;
    }

    private static void copy(String from, Path to) throws Exception {
        for (String file : new String[] {"node.pem", "trust-nodes.pem"}) {
            Path next = to.resolve(file + ".next");
            Files.copy(Suite.PKI.resolve(from).resolve(file), next);
            Files.move(next, to.resolve(file), java.nio.file.StandardCopyOption.ATOMIC_MOVE);
        }
    }

    static KlammSslEngineFactory factory(Pki.Slot slot, String trust) {
        KlammSslEngineFactory factory = new KlammSslEngineFactory();
        factory.configure(Pki.configs(slot.current(), trust));
        return factory;
    }

    static KlammSslEngineFactory fixed(String folder) {
        KlammSslEngineFactory factory = new KlammSslEngineFactory();
        factory.configure(Pki.configs(folder, "nodes"));
        return factory;
    }

    static BigInteger serial(String folder) throws Exception {
        return Pki.leaf(folder).getSerialNumber();
    }

    private static BigInteger served(KlammSslEngineFactory server, KlammSslEngineFactory client) {
        Handshake handshake = Handshake.between(server, client);
        check(handshake.ok(), handshake.outcome + ": " + handshake.reason);
        return handshake.seenByClient.getSerialNumber();
    }

    /** The serial as bytes: two digits each, without leading zero bytes. */
    private static String hex(String folder) throws Exception {
        StringBuilder hex = new StringBuilder();
        for (byte b : serial(folder).toByteArray()) {
            if (hex.length() > 0 || b != 0) {
                hex.append(String.format("%02x", b));
            }
        }
        return hex.toString();
    }

    static Map<String, Object> row(Pki.Slot slot) {
        for (Map<String, Object> row : TlsWatch.rows()) {
            if (slot.current().resolve("node.pem").toString().equals(row.get("key_file"))) {
                return row;
            }
        }
        return null;
    }
}
