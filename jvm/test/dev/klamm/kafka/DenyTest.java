package dev.klamm.kafka;

import static dev.klamm.kafka.Suite.check;
import static dev.klamm.kafka.Suite.equal;
import static dev.klamm.kafka.Suite.within;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/** Whoever is on the deny list is refused in the handshake, also when it holds a session from before. */
final class DenyTest {
    private static final Duration SEEN = Duration.ofSeconds(3);

    private DenyTest() {}

    public static void a_client_is_refused_by_serial() throws Exception {
        refusedAfterBan("serial:" + Pki.leaf("alice").getSerialNumber().toString(16));
    }

    public static void a_client_is_refused_by_public_key() throws Exception {
        refusedAfterBan("spki-sha256:" + DenyList.spkiSha256(Pki.leaf("alice")));
    }

    public static void a_denied_server_is_refused_by_its_clients() throws Exception {
        Pki.Slot slot = new Pki.Slot("node-2");
        KlammSslEngineFactory client = ReloadTest.factory(slot, "nodes");
        KlammSslEngineFactory server = ReloadTest.fixed("node-1");
        check(Handshake.between(server, client).ok(), "before");
        ban(slot, "node-2", "serial:" + Pki.leaf("node-1").getSerialNumber().toString(16));
        within(SEEN, "the ban", () -> Integer.valueOf(1).equals(ReloadTest.row(slot).get("denied")));
        equal("client refused", Handshake.between(server, client).outcome, "after");
    }

    private static void refusedAfterBan(String entry) throws Exception {
        Pki.Slot slot = new Pki.Slot("node-1");
        KlammSslEngineFactory server = ReloadTest.factory(slot, "users");
        KlammSslEngineFactory alice = tls12("alice");
        KlammSslEngineFactory admin = tls12("admin");
        Handshake first = Handshake.between(server, alice);
        Handshake second = Handshake.between(server, alice);
        check(first.ok() && second.ok(), "before: " + first.reason);
        check(Arrays.equals(first.sessionId, second.sessionId), "the second connection resumed the first's session");
        ban(slot, "node-1", entry);
        within(SEEN, "the ban", () -> Integer.valueOf(1).equals(ReloadTest.row(slot).get("denied")));
        Handshake after = Handshake.between(server, alice);
        equal("server refused", after.outcome, "alice after the ban");
        check(after.reason.contains("deny list"), after.reason);
        check(Handshake.between(server, admin).ok(), "admin is still let in");
        equal(1L, ReloadTest.row(slot).get("refused_denied"), "refusals counted");
    }

    private static void ban(Pki.Slot slot, String from, String entry) throws Exception {
        Path folder = slot.add(from);
        Files.writeString(folder.resolve("deny.txt"), entry + "\n");
        slot.swapTo(folder);
    }

    /** TLS 1.2 resumes by an id that both sides show, which is how the test knows that there was a session. */
    private static KlammSslEngineFactory tls12(String user) {
        Map<String, Object> configs = Pki.configs(user, "nodes");
        configs.put("ssl.enabled.protocols", List.of("TLSv1.2"));
        KlammSslEngineFactory factory = new KlammSslEngineFactory();
        factory.configure(configs);
        return factory;
    }
}
