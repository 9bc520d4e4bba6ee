package dev.klamm.kafka;

import static dev.klamm.kafka.Suite.check;
import static dev.klamm.kafka.Suite.equal;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;

/** What the PEM and deny list readers accept and refuse. */
final class PemTest {
    private PemTest() {}

    public static void a_key_with_its_chain_is_read_in_order() throws Exception {
        Pem pem = Pem.keyAndChain("x", Files.readAllBytes(Suite.PKI.resolve("intermediate/node.pem")));
        equal(2, pem.certificates.size(), "certificates");
        equal("CN=brokers-1,OU=nodes,O=tele", pem.certificates.get(0).getSubjectX500Principal().getName(), "subject");
        equal("EC", pem.key.getAlgorithm(), "algorithm");
    }

    public static void what_is_half_foreign_or_double_is_refused() throws Exception {
        String good = Files.readString(Suite.PKI.resolve("node-1/node.pem"));
        int certificate = good.indexOf("-----BEGIN CERTIFICATE");
        String key = good.substring(0, certificate);
        refusedKey("", "no private key");
        refusedKey("hello", "no private key");
        refusedKey(key, "no certificate");
        refusedKey(good.substring(certificate), "no private key");
        refusedKey(key + good, "more than one private key");
        refusedKey(good.substring(0, good.length() - 40), "does not end");
        refusedKey(good.replace("BEGIN PRIVATE", "BEGIN EC PRIVATE").replace("END PRIVATE", "END EC PRIVATE"),
                "unexpected PEM block 'EC PRIVATE KEY'");
        refusedKey(good.replace("BEGIN PRIVATE", "BEGIN ENCRYPTED PRIVATE").replace("END PRIVATE",
                "END ENCRYPTED PRIVATE"), "unexpected PEM block 'ENCRYPTED PRIVATE KEY'");
        refusedKey(good.replace("-----END PRIVATE KEY-----", ""), "ends as something else");
        refusedKey(good.replaceFirst("\nM", "\n!"), "is not base64");
        refusedKey(key + good.substring(certificate).replaceFirst("\nMII", "\nMIJ"), "does not parse");
        try {
            Pem.trust("x", good.getBytes(StandardCharsets.US_ASCII));
        } catch (BadGenerationException e) {
            check(e.getMessage().contains("unexpected PEM block 'PRIVATE KEY'"), e.getMessage());
            return;
        }
        throw new AssertionError("a private key in a trust file was accepted");
    }

    public static void a_misspelt_ban_is_refused() throws Exception {
        String sha = "ab".repeat(32);
        equal(2, deny("# who\nserial: 0A1f # alice\n\nSPKI-SHA256:" + sha + "\n").size(), "entries");
        equal(0, deny("").size(), "entries");
        for (String bad : new String[] {"serial:", "serial:xyz", "serial 12", "spki-sha256:abcd", "1234"}) {
            try {
                deny("serial:1\n" + bad);
            } catch (BadGenerationException e) {
                check(e.getMessage().contains("line 2"), e.getMessage());
                continue;
            }
            throw new AssertionError("accepted: " + bad);
        }
    }

    private static DenyList deny(String text) throws BadGenerationException {
        return DenyList.parse("deny.txt", text.getBytes(StandardCharsets.UTF_8));
    }

    private static void refusedKey(String text, String why) {
        try {
            Pem.keyAndChain("node.pem", text.getBytes(StandardCharsets.US_ASCII));
        } catch (BadGenerationException e) {
            check(e.getMessage().contains(why), "expected '" + why + "', found '" + e.getMessage() + "'");
            return;
        }
        throw new AssertionError("accepted although " + why);
    }
}
