package dev.klamm.kafka;

import static dev.klamm.kafka.Suite.check;
import static dev.klamm.kafka.Suite.equal;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.SSLParameters;
import org.apache.kafka.common.config.ConfigException;
import org.apache.kafka.common.config.types.Password;
import org.apache.kafka.common.security.auth.SslEngineFactory;
import org.apache.kafka.common.security.ssl.DefaultSslEngineFactory;

/** Setting by setting: what Kafka's own factory refuses we refuse, and what both accept behaves the same. */
final class ParityTest {
    private static final String RSA_TLS12 = "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384";
    private static final String EC_TLS12 = "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256";
    private static final String USERS_ONLY = "RULE:^CN=([A-Za-z0-9._-]+),OU=users,O=tele$/$1/";

    private ParityTest() {}

    public static void engines_have_the_same_parameters_under_every_setting() {
        for (Map<String, Object> configs : settings("node-1")) {
            SslEngineFactory theirs = kafkas(configs);
            KlammSslEngineFactory ours = klamms(configs);
            String what = describe(configs);
            sameEngine(theirs.createServerSslEngine("10.0.0.1", 1), ours.createServerSslEngine("10.0.0.1", 1), what);
            for (String endpoint : new String[] {"https", "HTTPS", "", null}) {
                sameEngine(theirs.createClientSslEngine("a.example", 1, endpoint),
                        ours.createClientSslEngine("a.example", 1, endpoint), what + " endpoint " + endpoint);
            }
            ours.close();
        }
    }

    public static void handshakes_end_the_same_for_every_server_setting_and_every_kind_of_client() {
        List<Both> clients = new ArrayList<>();
        for (String peer : new String[] {"alice", "nobody", "foreign", "expired", "anonymous"}) {
            for (Map<String, Object> client : clients(peer)) {
                clients.add(new Both(client));
            }
        }
        int ended = 0;
        for (Map<String, Object> configs : settings("node-1", "rsa", "intermediate", "expired")) {
            configs.put("ssl.truststore.location", sibling(configs, "trust-users.pem"));
            Both server = new Both(configs);
            for (Both client : clients) {
                ended += sameHandshake(server, client, "localhost", "https");
            }
        }
        check(ended > 2_000, "only " + ended + " handshakes");
    }

    public static void host_names_are_checked_the_same() {
        for (String node : new String[] {"node-1", "other-host"}) {
            Both server = new Both(Pki.configs(node, "nodes"));
            Both client = new Both(Pki.configs("node-2", "nodes"));
            for (String host : new String[] {"localhost", "127.0.0.1", "127.0.0.2", "other.example", "x.localhost"}) {
                for (String endpoint : new String[] {"https", "", null}) {
                    sameHandshake(server, client, host, endpoint);
                }
            }
        }
        SslEngineFactory server = klamms(Pki.configs("other-host", "nodes"));
        SslEngineFactory client = klamms(Pki.configs("node-2", "nodes"));
        equal("client refused", Handshake.between(server, client, "localhost", "https").outcome, "wrong host");
        check(Handshake.between(server, client, "localhost", "").ok(), "a blank algorithm checks no host, as in Kafka");
    }

    public static void client_authentication_does_not_fail_open() {
        for (String auth : new String[] {"required", "requested", "none"}) {
            Map<String, Object> configs = Pki.configs("node-1", "users");
            configs.put("ssl.client.auth", auth);
            SslEngineFactory server = klamms(configs);
            Map<String, Object> anonymous = clients("anonymous").get(0);
            boolean letIn = Handshake.between(server, klamms(anonymous)).ok();
            equal(!auth.equals("required"), letIn, auth + " lets in a client without certificate");
            boolean foreignIn = Handshake.between(server, klamms(clients("foreign").get(0))).ok();
            // With `requested` Java's client sends no certificate that the server's list of authorities excludes.
            equal(!auth.equals("required"), foreignIn, auth + " lets in a client of a foreign authority");
        }
    }

    public static void a_client_that_no_rule_maps_is_refused_in_the_handshake_and_only_then() {
        for (String rules : new String[] {null, "DEFAULT", USERS_ONLY, USERS_ONLY + ",DEFAULT"}) {
            Map<String, Object> configs = Pki.configs("node-1", "users");
            configs.put("ssl.principal.mapping.rules", rules);
            SslEngineFactory server = klamms(configs);
            check(Handshake.between(server, klamms(clients("alice").get(0))).ok(), "alice with " + rules);
            boolean mapped = rules == null || rules.endsWith("DEFAULT");
            Handshake nobody = Handshake.between(server, klamms(clients("nobody").get(0)));
            equal(mapped, nobody.ok(), "nobody with " + rules);
        }
    }

    public static void what_kafka_refuses_is_refused() throws Exception {
        Path garbage = Files.createTempDirectory(Suite.WORK, "garbage");
        for (String file : new String[] {"node.pem", "trust-nodes.pem"}) {
            Files.writeString(garbage.resolve(file), "not a certificate\n");
        }
        Map<String, Map<String, Object>> cases = new HashMap<>();
        cases.put("no such key file", with("ssl.keystore.location", "/nowhere/node.pem"));
        cases.put("no such trust file", with("ssl.truststore.location", "/nowhere/trust.pem"));
        cases.put("no such folder", Pki.configs(Path.of("/nowhere"), "nodes"));
        cases.put("garbage", Pki.configs(garbage, "nodes"));
        cases.put("a key store password", with("ssl.keystore.password", new Password("x")));
        cases.put("a trust store password", with("ssl.truststore.password", new Password("x")));
        cases.put("JKS for a PEM file", with("ssl.keystore.type", "JKS"));
        cases.put("PKCS12 for a PEM trust file", with("ssl.truststore.type", "PKCS12"));
        cases.put("key without chain", with("ssl.keystore.key", new Password("x")));
        cases.put("chain without key", with("ssl.keystore.certificate.chain", new Password("x")));
        cases.put("trust twice", with("ssl.truststore.certificates", new Password("x")));
        cases.put("protocol", with("ssl.protocol", "TLSv9"));
        cases.put("no protocol", with("ssl.protocol", null));
        cases.put("a password for a key that has none", with("ssl.key.password", new Password("x")));
        cases.put("provider", with("ssl.provider", "Nobody"));
        cases.put("random", with("ssl.secure.random.implementation", "Dice"));
        cases.put("key managers", with("ssl.keymanager.algorithm", "Nobody"));
        cases.put("trust managers", with("ssl.trustmanager.algorithm", "Nobody"));
        cases.put("PKCS#8 of another certificate's chain", Pki.configs("chain-astray", "nodes"));
        for (Map.Entry<String, Map<String, Object>> refused : cases.entrySet()) {
            check(refusal(new DefaultSslEngineFactory(), refused.getValue()) != null || refused.getKey().startsWith("PKCS#8"),
                    "Kafka accepts: " + refused.getKey());
            check(refusal(new KlammSslEngineFactory(), refused.getValue()) != null, "accepted: " + refused.getKey());
        }
        for (String key : new String[] {"ssl.cipher.suites", "ssl.enabled.protocols"}) {
            Map<String, Object> configs = with(key, List.of("NOTHING"));
            for (SslEngineFactory factory : new SslEngineFactory[] {kafkas(configs), klamms(configs)}) {
                try {
                    factory.createServerSslEngine("a", 1);
                } catch (IllegalArgumentException expected) {
                    continue;
                }
                throw new AssertionError("an engine with " + key + "=NOTHING was made");
            }
        }
    }

    /** The whole list of what Kafka accepts and we refuse; each with a ConfigException that says why, and no secret. */
    public static void what_we_alone_refuse_is_refused_loudly() {
        Map<String, Object> noTrust = with("ssl.truststore.location", null);
        refusedByUs(noTrust, "ssl.truststore.location");
        Map<String, Object> unknownWord = with("ssl.client.auth", "requierd");
        refusedByUs(unknownWord, "required");
        Map<String, Object> twoFolders = Pki.configs("node-1", "nodes");
        twoFolders.put("ssl.truststore.location", Suite.PKI.resolve("node-2/trust-nodes.pem").toString());
        refusedByUs(twoFolders, "one generation");
        // Kafka 4.3 fails on it by accident, 3.9 takes the platform's choice.
        check(refusal(new KlammSslEngineFactory(), with("ssl.enabled.protocols", null)) instanceof ConfigException,
                "no protocols");
        String message = refusal(new KlammSslEngineFactory(), with("ssl.key.password", new Password("hunter2"))).toString();
        check(!message.contains("hunter2"), "the refusal shows a password");
        Map<String, Object> mismatch = Pki.configs("mismatch", "nodes");
        check(refusal(new DefaultSslEngineFactory(), mismatch) == null, "Kafka takes a key of another certificate");
        check(refusal(new KlammSslEngineFactory(), mismatch).toString().contains("does not match"), "mismatch");
    }

    public static void stores_and_reconfiguration_answer_as_kafka_needs() throws Exception {
        SslEngineFactory theirs = kafkas(Pki.configs("node-1", "nodes"));
        KlammSslEngineFactory ours = klamms(Pki.configs("node-1", "nodes"));
        equal(theirs.keystore().getCertificate("kafka"), ours.keystore().getCertificate("kafka"), "certificate");
        equal(theirs.truststore().size(), ours.truststore().size(), "trust");
        Map<String, Object> none = bare("ssl.keystore.location", "ssl.truststore.location");
        equal(null, klamms(none).keystore(), "no key store");
        equal(null, klamms(none).truststore(), "no trust store");
        check(!ours.shouldBeRebuilt(Map.of("ssl.keystore.location", "/else")), "is rebuilt");
        equal(0, ours.reconfigurableConfigs().size(), "reconfigurable keys");
        ours.close();
        try {
            ours.createServerSslEngine("a", 1);
        } catch (IllegalStateException expected) {
            return;
        }
        throw new AssertionError("a closed factory made an engine");
    }

    public static void without_stores_a_client_trusts_what_kafkas_own_would() {
        Both client = new Both(bare("ssl.keystore.location", "ssl.truststore.location"));
        sameHandshake(new Both(Pki.configs("node-1", "users")), client, "localhost", "https");
        Both server = new Both(bare("ssl.truststore.location"));
        sameHandshake(server, new Both(clients("anonymous").get(0)), "localhost", "https");
        Both keyless = new Both(bare("ssl.keystore.location"));
        sameHandshake(keyless, new Both(clients("alice").get(0)), "localhost", "https");
    }

    private static List<Map<String, Object>> settings(String... nodes) {
        List<Map<String, Object>> all = new ArrayList<>();
        for (String node : nodes) {
            for (String auth : new String[] {"required", "REQUESTED", "none", null}) {
                add(all, node, "ssl.client.auth", auth);
            }
            add(all, node, "ssl.enabled.protocols", List.of("TLSv1.2"));
            add(all, node, "ssl.enabled.protocols", List.of("TLSv1.3"));
            add(all, node, "ssl.enabled.protocols", List.of("TLSv1.3", "TLSv1.2"));
            add(all, node, "ssl.enabled.protocols", List.of());
            add(all, node, "ssl.protocol", "TLSv1.2");
            add(all, node, "ssl.protocol", "TLS");
            add(all, node, "ssl.cipher.suites", List.of("TLS_AES_256_GCM_SHA384"));
            add(all, node, "ssl.cipher.suites", List.of(EC_TLS12));
            add(all, node, "ssl.cipher.suites", List.of(RSA_TLS12, "TLS_AES_128_GCM_SHA256"));
            add(all, node, "ssl.cipher.suites", List.of());
            add(all, node, "ssl.provider", "SunJSSE");
            add(all, node, "ssl.secure.random.implementation", "SHA1PRNG");
            add(all, node, "ssl.keymanager.algorithm", "NewSunX509");
            add(all, node, "ssl.keymanager.algorithm", null);
            add(all, node, "ssl.trustmanager.algorithm", "SunX509");
            add(all, node, "ssl.trustmanager.algorithm", null);
            add(all, node, "ssl.endpoint.identification.algorithm", "");
        }
        return all;
    }

    private static void add(List<Map<String, Object>> all, String node, String key, Object value) {
        Map<String, Object> configs = Pki.configs(node, "nodes");
        configs.put(key, value);
        all.add(configs);
    }

    private static List<Map<String, Object>> clients(String peer) {
        List<Map<String, Object>> all = new ArrayList<>();
        for (List<String> protocols : List.of(List.of("TLSv1.2", "TLSv1.3"), List.of("TLSv1.2"))) {
            Map<String, Object> configs = Pki.configs(peer.equals("anonymous") ? "alice" : peer, "nodes");
            configs.remove("ssl.client.auth");
            if (peer.equals("anonymous")) {
                configs.put("ssl.keystore.location", null);
            }
            configs.put("ssl.enabled.protocols", protocols);
            all.add(configs);
        }
        return all;
    }

    /** All four pairings of factories must end as Kafka with Kafka ends. */
    private static int sameHandshake(Both server, Both client, String host, String endpoint) {
        Handshake expected = Handshake.between(server.kafkas, client.kafkas, host, endpoint);
        Handshake[] found = {Handshake.between(server.klamms, client.kafkas, host, endpoint),
            Handshake.between(server.kafkas, client.klamms, host, endpoint),
            Handshake.between(server.klamms, client.klamms, host, endpoint)};
        for (int i = 0; i < found.length; i++) {
            String what = "pairing " + i + ", server " + describe(server.configs) + ", client "
                    + describe(client.configs) + ", host " + host + ", endpoint " + endpoint + ", reason " + found[i].reason;
            equal(expected.outcome, found[i].outcome, what);
            equal(expected.seenByClient, found[i].seenByClient, what);
            equal(expected.seenByServer, found[i].seenByServer, what);
        }
        return found.length;
    }

    /** Kafka's factory and ours under the same settings. */
    private static final class Both {
        final Map<String, Object> configs;
        final SslEngineFactory kafkas;
        final SslEngineFactory klamms;

        Both(Map<String, Object> configs) {
            this.configs = configs;
            this.kafkas = kafkas(configs);
            this.klamms = klamms(configs);
        }
    }

    private static void sameEngine(SSLEngine theirs, SSLEngine ours, String what) {
        equal(theirs.getUseClientMode(), ours.getUseClientMode(), what + " mode");
        equal(theirs.getPeerHost(), ours.getPeerHost(), what + " host");
        equal(theirs.getPeerPort(), ours.getPeerPort(), what + " port");
        equal(theirs.getEnableSessionCreation(), ours.getEnableSessionCreation(), what + " session creation");
        equal(list(theirs.getSupportedProtocols()), list(ours.getSupportedProtocols()), what + " can protocols");
        equal(list(theirs.getSupportedCipherSuites()), list(ours.getSupportedCipherSuites()), what + " can ciphers");
        SSLParameters expected = theirs.getSSLParameters();
        SSLParameters found = ours.getSSLParameters();
        equal(expected.getNeedClientAuth(), found.getNeedClientAuth(), what + " need client auth");
        equal(expected.getWantClientAuth(), found.getWantClientAuth(), what + " want client auth");
        equal(list(expected.getProtocols()), list(found.getProtocols()), what + " protocols");
        equal(list(expected.getCipherSuites()), list(found.getCipherSuites()), what + " ciphers");
        equal(expected.getEndpointIdentificationAlgorithm(), found.getEndpointIdentificationAlgorithm(), what + " endpoint");
        equal(expected.getServerNames(), found.getServerNames(), what + " server names");
        equal(String.valueOf(expected.getSNIMatchers()), String.valueOf(found.getSNIMatchers()), what + " SNI");
        equal(expected.getUseCipherSuitesOrder(), found.getUseCipherSuitesOrder(), what + " cipher order");
        equal(expected.getEnableRetransmissions(), found.getEnableRetransmissions(), what + " retransmissions");
        equal(expected.getMaximumPacketSize(), found.getMaximumPacketSize(), what + " packet size");
        equal(list(expected.getApplicationProtocols()), list(found.getApplicationProtocols()), what + " ALPN");
        equal(String.valueOf(expected.getAlgorithmConstraints() == null),
                String.valueOf(found.getAlgorithmConstraints() == null), what + " constraints");
    }

    private static List<String> list(String[] values) {
        return values == null ? null : Arrays.asList(values);
    }

    private static Map<String, Object> with(String key, Object value) {
        Map<String, Object> configs = Pki.configs("node-1", "nodes");
        configs.put(key, value);
        return configs;
    }

    /** Without client authentication and without these keys. */
    private static Map<String, Object> bare(String... without) {
        Map<String, Object> configs = with("ssl.client.auth", "none");
        for (String key : without) {
            configs.put(key, null);
        }
        return configs;
    }

    private static String sibling(Map<String, Object> configs, String file) {
        return Path.of((String) configs.get("ssl.keystore.location")).resolveSibling(file).toString();
    }

    private static void refusedByUs(Map<String, Object> configs, String reason) {
        check(refusal(new DefaultSslEngineFactory(), configs) == null, "Kafka refuses it too: " + describe(configs));
        RuntimeException refusal = refusal(new KlammSslEngineFactory(), configs);
        check(refusal instanceof ConfigException, "not a ConfigException: " + refusal);
        check(refusal.getMessage().contains(reason), "expected '" + reason + "', found '" + refusal.getMessage() + "'");
    }

    private static RuntimeException refusal(SslEngineFactory factory, Map<String, Object> configs) {
        try {
            factory.configure(configs);
        } catch (RuntimeException e) {
            return e;
        }
        return null;
    }

    private static String describe(Map<String, Object> configs) {
        List<String> told = new ArrayList<>();
        for (String key : new String[] {"ssl.keystore.location", "ssl.client.auth", "ssl.enabled.protocols",
            "ssl.protocol", "ssl.cipher.suites", "ssl.provider", "ssl.keymanager.algorithm",
            "ssl.trustmanager.algorithm"}) {
            told.add(key + "=" + configs.get(key));
        }
        return told.toString();
    }

    private static SslEngineFactory kafkas(Map<String, Object> configs) {
        DefaultSslEngineFactory factory = new DefaultSslEngineFactory();
        factory.configure(configs);
        return factory;
    }

    private static KlammSslEngineFactory klamms(Map<String, Object> configs) {
        KlammSslEngineFactory factory = new KlammSslEngineFactory();
        factory.configure(configs);
        return factory;
    }
}
