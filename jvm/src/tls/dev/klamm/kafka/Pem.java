package dev.klamm.kafka;

import java.io.ByteArrayInputStream;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.PrivateKey;
import java.security.cert.CertificateException;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Set;

/**
 * PEM, read strictly: a block that does not end, a type that is not expected or bytes that are not base64 refuse the
 * whole file. Kafka's own parser skips what it does not recognise, so everything accepted here is accepted there too.
 */
final class Pem {
    private static final String BEGIN = "-----BEGIN ";
    private static final String END = "-----END ";
    private static final String DASHES = "-----";
    /** What the stock key store also reads, less DSA, which no TLS 1.3 peer accepts. */
    private static final Set<String> KEY_ALGORITHMS = Set.of("RSA", "EC");

    /** The private key (null when the file has none) and the certificates, in file order. */
    final PrivateKey key;
    final List<X509Certificate> certificates;

    private Pem(PrivateKey key, List<X509Certificate> certificates) {
        this.key = key;
        this.certificates = certificates;
    }

    /** A file with exactly one unencrypted PKCS#8 key and at least one certificate, the key's own first. */
    static Pem keyAndChain(String file, byte[] bytes) throws BadGenerationException {
        byte[] pkcs8 = null;
        List<X509Certificate> certificates = new ArrayList<>();
        for (Block block : blocks(file, bytes)) {
            switch (block.type) {
                case "CERTIFICATE":
                    certificates.add(certificate(file, block.der));
                    break;
                case "PRIVATE KEY":
                    if (pkcs8 != null) {
                        throw new BadGenerationException(file + ": more than one private key");
                    }
                    pkcs8 = block.der;
                    break;
                default:
                    throw new BadGenerationException(file + ": unexpected PEM block '" + block.type
                            + "', only 'PRIVATE KEY' (PKCS#8, not encrypted) and 'CERTIFICATE' are read");
            }
        }
        if (pkcs8 == null) {
            throw new BadGenerationException(file + ": no private key");
        }
        if (certificates.isEmpty()) {
            throw new BadGenerationException(file + ": no certificate");
        }
        String algorithm = certificates.get(0).getPublicKey().getAlgorithm();
        if (!KEY_ALGORITHMS.contains(algorithm)) {
            throw new BadGenerationException(file + ": key algorithm " + algorithm + " is not one of RSA, EC");
        }
        try {
            PrivateKey key = KeyFactory.getInstance(algorithm).generatePrivate(new PKCS8EncodedKeySpec(pkcs8));
            return new Pem(key, List.copyOf(certificates));
        } catch (GeneralSecurityException e) {
            // The cause is left out on purpose: a decoder's message may quote bytes of the key.
            throw new BadGenerationException(file + ": the private key is not a PKCS#8 " + algorithm
                    + " key, as its certificate says");
        }
    }

    /** A file with nothing but certificates, at least one. */
    static List<X509Certificate> trust(String file, byte[] bytes) throws BadGenerationException {
        List<X509Certificate> certificates = new ArrayList<>();
        for (Block block : blocks(file, bytes)) {
            if (!block.type.equals("CERTIFICATE")) {
                throw new BadGenerationException(file + ": unexpected PEM block '" + block.type
                        + "', only 'CERTIFICATE' is read");
            }
            certificates.add(certificate(file, block.der));
        }
        if (certificates.isEmpty()) {
            throw new BadGenerationException(file + ": no certificate");
        }
        return List.copyOf(certificates);
    }

    private static X509Certificate certificate(String file, byte[] der) throws BadGenerationException {
        try {
            return (X509Certificate) CertificateFactory.getInstance("X.509")
                    .generateCertificate(new ByteArrayInputStream(der));
        } catch (CertificateException e) {
            throw new BadGenerationException(file + ": a certificate does not parse", e);
        }
    }

    private static List<Block> blocks(String file, byte[] bytes) throws BadGenerationException {
        List<Block> blocks = new ArrayList<>();
        String type = null;
        StringBuilder body = new StringBuilder();
        for (String raw : new String(bytes, StandardCharsets.ISO_8859_1).split("\r?\n")) {
            String line = raw.trim();
            if (type == null) {
                if (line.startsWith(BEGIN) && line.endsWith(DASHES)) {
                    type = label(line, BEGIN);
                    body.setLength(0);
                } else if (line.startsWith(DASHES)) {
                    throw new BadGenerationException(file + ": a PEM line outside of a block");
                }
            } else if (line.startsWith(END)) {
                if (!line.endsWith(DASHES) || !label(line, END).equals(type)) {
                    throw new BadGenerationException(file + ": a '" + type + "' block ends as something else");
                }
                blocks.add(new Block(type, decode(file, type, body.toString())));
                type = null;
            } else {
                body.append(line);
            }
        }
        if (type != null) {
            throw new BadGenerationException(file + ": a '" + type + "' block does not end");
        }
        return blocks;
    }

    private static String label(String line, String prefix) {
        int end = line.length() - DASHES.length();
        return end <= prefix.length() ? "" : line.substring(prefix.length(), end);
    }

    private static byte[] decode(String file, String type, String body) throws BadGenerationException {
        try {
            return Base64.getDecoder().decode(body);
        } catch (IllegalArgumentException e) {
            throw new BadGenerationException(file + ": a '" + type + "' block is not base64");
        }
    }

    private static final class Block {
        final String type;
        final byte[] der;

        Block(String type, byte[] der) {
            this.type = type;
            this.der = der;
        }
    }
}
