package dev.klamm.kafka;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.util.HashMap;
import java.util.Map;
import org.apache.kafka.common.config.ConfigDef;

/**
 * The folders that `cargo xtask jvm` makes. Nodes: node-1 and node-2 (same authority), node-3 (next authority, trust in
 * both), node-4 (trust in the next only), expired, future, other-host, rsa, intermediate, chain-astray, mismatch. Users:
 * alice, admin, nobody (no mapping rule fits), foreign (an authority nobody trusts).
 */
final class Pki {
    private Pki() {}

    static X509Certificate leaf(String folder) throws Exception {
        byte[] pem = Files.readAllBytes(Suite.PKI.resolve(folder).resolve("node.pem"));
        return Pem.keyAndChain(folder, pem).certificates.get(0);
    }

    static X509Certificate first(byte[] pem) throws Exception {
        return (X509Certificate) CertificateFactory.getInstance("X.509")
                .generateCertificate(new ByteArrayInputStream(pem));
    }

    /** Kafka's defaults and the stock keys of one folder. The trust is `nodes` or `users`. */
    static Map<String, Object> configs(Path folder, String trust) {
        Map<String, Object> raw = new HashMap<>();
        raw.put("ssl.keystore.type", "PEM");
        raw.put("ssl.keystore.location", folder.resolve("node.pem").toString());
        raw.put("ssl.truststore.type", "PEM");
        raw.put("ssl.truststore.location", folder.resolve("trust-" + trust + ".pem").toString());
        Map<String, Object> configs = new HashMap<>(new ConfigDef().withClientSslSupport().parse(raw));
        configs.put("ssl.client.auth", "required");
        return configs;
    }

    static Map<String, Object> configs(String folder, String trust) {
        return configs(Suite.PKI.resolve(folder), trust);
    }

    /** A slot's TLS folder: generations, and the link {@code current} swapped by rename as an agent does. */
    static final class Slot {
        final Path tls;
        private int generation;

        Slot(String first) throws IOException {
            tls = Files.createTempDirectory(Suite.WORK, "tls");
            swapTo(add(first));
        }

        Path current() {
            return tls.resolve("current");
        }

        /** A new generation folder with the files of a folder of the PKI, not yet current. */
        Path add(String from) throws IOException {
            generation++;
            Path folder = Files.createDirectory(tls.resolve(String.format("gen-%06d", generation)));
            for (String file : new String[] {"node.pem", "trust-nodes.pem", "trust-users.pem"}) {
                Files.copy(Suite.PKI.resolve(from).resolve(file), folder.resolve(file));
            }
            return folder;
        }

        void swapTo(Path folder) throws IOException {
            Path link = tls.resolve("current.next");
            Files.createSymbolicLink(link, folder.getFileName());
            Files.move(link, current(), StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        }
    }
}
