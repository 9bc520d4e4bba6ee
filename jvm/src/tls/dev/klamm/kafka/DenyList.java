package dev.klamm.kafka;

import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.security.cert.X509Certificate;
import java.util.HashSet;
import java.util.Locale;
import java.util.Set;
import java.util.regex.Pattern;

/**
 * Certificates refused although their authority is trusted. One entry a line: {@code serial:HEX} or
 * {@code spki-sha256:HEX} (SHA-256 of the DER public key, which survives a renewal with the same key); empty lines and
 * lines from {@code #} on are skipped. A line that is neither refuses the whole generation: a ban that is misspelt must
 * not turn into no ban.
 */
final class DenyList {
    static final DenyList EMPTY = new DenyList(Set.of(), Set.of());

    private static final Pattern HEX = Pattern.compile("[0-9a-f]+");
    private static final int SHA256_HEX_LENGTH = 64;

    private final Set<BigInteger> serials;
    private final Set<String> keys;

    private DenyList(Set<BigInteger> serials, Set<String> keys) {
        this.serials = serials;
        this.keys = keys;
    }

    static DenyList parse(String file, byte[] bytes) throws BadGenerationException {
        Set<BigInteger> serials = new HashSet<>();
        Set<String> keys = new HashSet<>();
        int number = 0;
        for (String raw : new String(bytes, StandardCharsets.UTF_8).split("\n")) {
            number++;
            String line = raw.split("#", 2)[0].trim().toLowerCase(Locale.ROOT);
            if (line.isEmpty()) {
                continue;
            }
            String[] parts = line.split(":", 2);
            String value = parts.length == 2 ? parts[1].trim() : "";
            if (parts[0].equals("serial") && HEX.matcher(value).matches()) {
                serials.add(new BigInteger(value, 16));
            } else if (parts[0].equals("spki-sha256") && value.length() == SHA256_HEX_LENGTH
                    && HEX.matcher(value).matches()) {
                keys.add(value);
            } else {
                throw new BadGenerationException(file + ": line " + number
                        + " is neither serial:HEX nor spki-sha256:HEX");
            }
        }
        return new DenyList(Set.copyOf(serials), Set.copyOf(keys));
    }

    int size() {
        return serials.size() + keys.size();
    }

    /** Whether any certificate that the peer presented is on the list: a banned intermediate bans what it signed. */
    boolean holdsAny(X509Certificate[] chain) {
        if (size() == 0) {
            return false;
        }
        for (X509Certificate certificate : chain) {
            if (serials.contains(certificate.getSerialNumber()) || keys.contains(spkiSha256(certificate))) {
                return true;
            }
        }
        return false;
    }

    static String spkiSha256(X509Certificate certificate) {
        return sha256(certificate.getPublicKey().getEncoded());
    }

    static String sha256(byte[] bytes) {
        try {
            StringBuilder hex = new StringBuilder(SHA256_HEX_LENGTH);
            for (byte b : MessageDigest.getInstance("SHA-256").digest(bytes)) {
                hex.append(Character.forDigit((b >> 4) & 0xf, 16)).append(Character.forDigit(b & 0xf, 16));
            }
            return hex.toString();
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java platform has SHA-256", e);
        }
    }
}
